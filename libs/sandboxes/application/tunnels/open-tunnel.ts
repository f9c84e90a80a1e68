import type { Clock } from '@tollbox/platform/clock/clock';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { isUsable, type Sandbox } from '../../domain/sandbox';
import { tunnelAnswer, type TunnelAnswer } from '../../domain/tunnel';
import type { SandboxAccess } from '../access';
import type { TunnelStore } from '../ports/tunnel-store';
import type { ProviderCalls } from '../provider-calls';
import { toBuyerError } from '../provider-failure';
import type { TunnelSettings } from './tunnel-settings';
import type { TunnelTargets } from './tunnel-targets';

export interface TunnelCall {
  readonly owner: string;
  readonly operationId: string;
  readonly sandboxId: string;
  readonly containerPort: number;
  readonly tokenSha256: string | null;
}

const tooMany = (): TollboxError => new TollboxError('tunnel_limit_reached');

/** Opens tunnels for owners. A tunnel is a row: whoever forwards reads it. */
export class OpenTunnels {
  constructor(
    private readonly store: TunnelStore,
    private readonly access: SandboxAccess,
    private readonly calls: ProviderCalls,
    private readonly targets: TunnelTargets,
    private readonly settings: TunnelSettings,
    private readonly clock: Clock,
    private readonly newId: () => string,
  ) {}

  /** Without side effect. @throws TollboxError */
  async admit(owner: string, sandboxId: string, containerPort: number): Promise<void> {
    this.targets.requireAddresses();
    const sandbox = await this.access.owned(owner, sandboxId, 'sandbox.tunnel');
    if (!isUsable(sandbox, this.clock.nowMs())) throw new TollboxError('sandbox_gone');
    await this.requirePort(sandbox, containerPort);
    if ((await this.store.ofSandbox(sandboxId)).length >= this.settings.maxPerSandbox) throw tooMany();
  }

  /** @throws TollboxError; then there is no tunnel */
  async execute({ owner, operationId, sandboxId, containerPort, tokenSha256 }: TunnelCall): Promise<TunnelAnswer> {
    const addresses = this.targets.requireAddresses();
    const sandbox = await this.access.owned(owner, sandboxId, 'sandbox.tunnel');
    await this.requirePort(sandbox, containerPort);
    const wanted = { id: this.newId(), owner, sandboxId, operationId, containerPort, tokenSha256 };
    const result = await this.store.open(wanted, this.settings.maxPerSandbox);
    if (result === 'abandoned') throw new TollboxError('operation_interrupted');
    if (result === 'not_running') throw new TollboxError('sandbox_gone');
    if (result === 'limit_of_sandbox') throw tooMany();
    return tunnelAnswer(result, addresses);
  }

  private async requirePort(sandbox: Sandbox, containerPort: number): Promise<void> {
    try {
      const ports = await this.targets.of(this.calls.handleOf(sandbox));
      if (ports.some((port) => port.containerPort === containerPort)) return;
    } catch (error) {
      throw toBuyerError(error);
    }
    throw new TollboxError('tunnel_port_not_named');
  }
}

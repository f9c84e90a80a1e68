import type { AdmissionCall, Operation, OperationOutcome } from '@tollbox/platform/operations/operation';
import { tunnelAnswer, tunnelAnswerSchema, tunnelBodySchema, type TunnelBody } from '../../domain/tunnel';
import type { SandboxStore } from '../ports/sandbox-store';
import type { TunnelStore } from '../ports/tunnel-store';
import { PROVIDER_ERRORS } from '../provider-failure';
import type { OpenTunnels } from '../tunnels/open-tunnel';
import type { TunnelSettings } from '../tunnels/tunnel-settings';
import type { TunnelTargets } from '../tunnels/tunnel-targets';
import { DATABASE_MARGIN_MS } from './margins';

export class TunnelOperation implements Operation<TunnelBody> {
  readonly name = 'sandbox.tunnel';
  readonly body = tunnelBodySchema;
  readonly answer = tunnelAnswerSchema;
  readonly errors = [
    'sandbox_not_found',
    'not_supported_here',
    'tunnel_port_not_named',
    'tunnel_limit_reached',
    ...PROVIDER_ERRORS,
  ] as const;
  readonly mayAnswerEarly = true;

  constructor(
    private readonly tunnels: OpenTunnels,
    private readonly sandboxes: Pick<SandboxStore, 'abandonOperation'>,
    private readonly store: TunnelStore,
    private readonly targets: TunnelTargets,
    private readonly settings: TunnelSettings,
  ) {}

  deadlineMs(): number {
    return this.settings.lookDeadlineMs + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<TunnelBody>): Promise<void> {
    await this.tunnels.admit(owner, body.sandbox_id, body.port);
  }

  /** Operation and tunnel are one transaction: a start without a row cannot be. */
  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    if ((await this.sandboxes.abandonOperation(operationId, this.name)) === 'abandoned') return { kind: 'not_started' };
    const tunnel = await this.store.findByOperation(operationId);
    if (tunnel === null) throw new Error(`operation ${operationId} is started and has no tunnel`);
    return { kind: 'done', answer: { status: 200, body: tunnelAnswer(tunnel, this.targets.requireAddresses()) } };
  }

  async revoke(operationId: string): Promise<void> {
    await this.sandboxes.abandonOperation(operationId, this.name);
    await this.store.closeByOperation(operationId);
  }
}

import { tunnelEntry, type TunnelsAnswer } from '../../domain/tunnel';
import { SandboxAccess } from '../access';
import type { RefusalObserver } from '../ports/refusal-observer';
import type { SandboxStore } from '../ports/sandbox-store';
import type { TunnelStore } from '../ports/tunnel-store';
import type { TunnelSettings } from './tunnel-settings';

/** Shows owners the tunnels of their sandboxes. */
export class ListTunnels {
  private readonly access: SandboxAccess;

  constructor(
    private readonly store: TunnelStore,
    sandboxes: SandboxStore,
    refusals: RefusalObserver,
    private readonly settings: TunnelSettings,
  ) {
    this.access = new SandboxAccess(sandboxes, refusals);
  }

  /** The newest open tunnel of each port. @throws TollboxError `sandbox_not_found` */
  async execute(owner: string, sandboxId: string): Promise<TunnelsAnswer> {
    const { addresses } = this.settings;
    await this.access.owned(owner, sandboxId, 'sandbox.tunnels');
    if (addresses === null) return {};
    const oldestFirst = [...(await this.store.ofSandbox(sandboxId))].reverse();
    return Object.fromEntries(oldestFirst.map((tunnel) => [String(tunnel.containerPort), tunnelEntry(tunnel, addresses)]));
  }
}

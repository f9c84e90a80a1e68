import type { Clock } from '@tollbox/platform/clock/clock';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { isUsable, type Sandbox } from '../domain/sandbox';
import type { SandboxAccess } from './access';
import type { SandboxStore } from './ports/sandbox-store';
import type { SandboxSettings } from './settings';

const RETRY_AFTER_S = 1;

export const sandboxBusy = (): TollboxError => new TollboxError('sandbox_busy', { retryAfterSeconds: RETRY_AFTER_S });

/** Whether a wallet may run a command in a sandbox now. The exec itself checks again, exactly. */
export class AdmitExec {
  constructor(
    private readonly access: SandboxAccess,
    private readonly store: SandboxStore,
    private readonly clock: Clock,
    private readonly settings: SandboxSettings,
  ) {}

  /** @throws TollboxError `sandbox_not_found`, `sandbox_gone` or `sandbox_busy` */
  async check(owner: string, sandboxId: string): Promise<Sandbox> {
    const sandbox = await this.access.owned(owner, sandboxId, 'sandbox.exec');
    if (!isUsable(sandbox, this.clock.nowMs())) throw new TollboxError('sandbox_gone');
    const running = await this.store.countRunning(sandboxId, this.settings.execOverheadMs);
    if (running >= this.settings.maxExecsPerSandbox) throw sandboxBusy();
    return sandbox;
  }
}

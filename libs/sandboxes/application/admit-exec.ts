import type { Clock } from '@tollbox/platform/clock/clock';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { isUsable, type Sandbox } from '../domain/sandbox';
import type { SandboxAccess } from './access';
import type { SandboxStore } from './ports/sandbox-store';
import { sandboxGone } from './sandbox-gone';
import type { SandboxSettings } from './settings';

const RETRY_AFTER_S = 1;

/** @param message what is busy, where it is not the sandbox */
export const sandboxBusy = (message?: string): TollboxError =>
  new TollboxError('sandbox_busy', { retryAfterSeconds: RETRY_AFTER_S, ...(message === undefined ? {} : { message }) });

/** Whether a wallet may run a command in a sandbox now. The exec itself checks the sandbox's own limit again, exactly. */
export class AdmitExec {
  constructor(
    private readonly access: SandboxAccess,
    private readonly store: SandboxStore,
    private readonly clock: Clock,
    private readonly settings: SandboxSettings,
  ) {}

  /**
   * @param operation what is tried, for the audit log
   * @throws TollboxError `sandbox_not_found`, `sandbox_gone` or `sandbox_busy`
   */
  async check(owner: string, sandboxId: string, operation = 'sandbox.exec'): Promise<Sandbox> {
    const sandbox = await this.access.owned(owner, sandboxId, operation);
    if (!isUsable(sandbox, this.clock.nowMs())) throw sandboxGone(sandbox);
    const { execOverheadMs, maxExecsPerSandbox, maxExecsPerOwner, maxExecs } = this.settings;
    const [inSandbox, elsewhere] = await Promise.all([
      this.store.countRunning(sandboxId, execOverheadMs),
      this.store.countRunningOf(owner, execOverheadMs),
    ]);
    if (inSandbox >= maxExecsPerSandbox) throw sandboxBusy();
    if (elsewhere.ofOwner >= maxExecsPerOwner) throw sandboxBusy('Too many commands of this wallet run at once.');
    if (elsewhere.ofInstallation >= maxExecs) throw sandboxBusy('Too many commands run in this installation at once.');
    return sandbox;
  }
}

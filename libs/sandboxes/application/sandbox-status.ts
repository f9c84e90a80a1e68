import type { Clock } from '@tollbox/platform/clock/clock';
import { statusAnswer, type StatusAnswer } from '../domain/answers';
import { isUsable, type Sandbox } from '../domain/sandbox';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { SandboxAccess } from './access';
import type { ObserveSandbox } from './observe-sandbox';
import type { SandboxStore } from './ports/sandbox-store';
import { toBuyerError } from './provider-failure';

export interface StatusCall {
  readonly owner: string;
  readonly operationId: string;
  readonly sandboxId: string;
}

/** Says whether a sandbox runs, as the provider sees it now. */
export class SandboxStatus {
  constructor(
    private readonly store: SandboxStore,
    private readonly access: SandboxAccess,
    private readonly observer: ObserveSandbox,
    private readonly clock: Clock,
  ) {}

  /** @throws TollboxError `sandbox_not_found`, or the provider's failure */
  async execute(call: StatusCall): Promise<StatusAnswer> {
    const sandbox = await this.access.owned(call.owner, call.sandboxId, 'sandbox.status');
    const started = await this.store.startRead(call.operationId, 'sandbox.status', sandbox.id, call.owner);
    if (!started) throw new TollboxError('operation_interrupted');
    if (!isUsable(sandbox, this.clock.nowMs())) return statusAnswer(sandbox, this.clock.nowMs());
    return this.look(sandbox, call);
  }

  private async look(sandbox: Sandbox, call: StatusCall): Promise<StatusAnswer> {
    try {
      const seen = await this.observer.observe(sandbox, { actor: call.owner, operationId: call.operationId });
      // One explicit not-found is no proof for the row, but it is what the buyer would meet at an exec.
      if (seen.state === 'running' && seen.ghostSightings > 0)
        return { ...statusAnswer(seen, this.clock.nowMs()), status: 'terminated', reason: 'provider_lost' };
      return statusAnswer(seen, this.clock.nowMs());
    } catch (error) {
      throw toBuyerError(error);
    }
  }
}

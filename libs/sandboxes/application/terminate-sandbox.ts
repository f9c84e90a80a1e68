import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { terminateAnswer, type TerminateAnswer } from '../domain/answers';
import type { SandboxAccess } from './access';
import type { EndSandbox } from './end-sandbox';
import type { SandboxStore } from './ports/sandbox-store';
import { toBuyerError } from './provider-failure';

export interface TerminateCall {
  readonly owner: string;
  readonly operationId: string;
  readonly sandboxId: string;
  /** Name of the operation; `sandbox.terminate` when absent. */
  readonly operation?: string;
}

/** Ends a sandbox for its owner. Ending one that has ended changes nothing and is answered the same. */
export class TerminateSandbox {
  constructor(
    private readonly store: SandboxStore,
    private readonly access: SandboxAccess,
    private readonly ender: EndSandbox,
    private readonly phases: PhaseObserver,
  ) {}

  /** @throws TollboxError; a wish that was recorded is carried out by the reaper all the same */
  async execute(call: TerminateCall): Promise<TerminateAnswer> {
    const { owner, operationId, operation = 'sandbox.terminate' } = call;
    const sandbox = await this.access.owned(owner, call.sandboxId, operation);
    if (!(await this.store.startTerminate(operationId, operation, sandbox.id, owner)))
      throw new TollboxError('operation_interrupted');
    try {
      const driving = this.ender.drive(sandbox.id, { actor: owner, operationId });
      this.phases.reached('operation_running');
      await driving;
    } catch (error) {
      throw toBuyerError(error);
    }
    return terminateAnswer(sandbox.id);
  }
}

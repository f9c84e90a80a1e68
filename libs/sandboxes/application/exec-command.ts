import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { execAnswer, type ExecAnswer } from '../domain/answers';
import type { SandboxAccess } from './access';
import { collectProcess } from './output-collector';
import type { ProviderCalls } from './provider-calls';
import type { RecordedCommand, RecordedExecution } from './recorded-execution';
import type { SandboxSettings } from './settings';

export type ExecCall = RecordedCommand;

/** Runs one command in a sandbox and records it under its operation. */
export class ExecCommand {
  constructor(
    private readonly executions: RecordedExecution,
    private readonly provider: ProviderCalls,
    private readonly access: SandboxAccess,
    private readonly settings: SandboxSettings,
    private readonly phases: PhaseObserver,
  ) {}

  /**
   * A command that exits non-zero, or is killed at its timeout, is an answer like any other.
   * @throws TollboxError; the operation then counts as not done
   */
  async execute(call: ExecCall): Promise<ExecAnswer> {
    const sandbox = await this.access.owned(call.owner, call.sandboxId, 'sandbox.exec');
    const { argv, timeoutMs } = call;
    const result = await this.executions.run(sandbox, call, () => {
      const running = this.provider.exec(sandbox, argv, { timeoutMs }, (process) =>
        collectProcess(process, this.settings.maxOutputBytes),
      );
      this.phases.reached('operation_running');
      return running;
    });
    return execAnswer(sandbox.id, result);
  }
}

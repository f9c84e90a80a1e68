import { Readable } from 'node:stream';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { execAnswer, type ExecAnswer } from '../domain/answers';
import type { ExecutionResult } from '../domain/sandbox';
import type { SandboxAccess } from './access';
import { collectProcess } from './output-collector';
import type { ProviderCalls } from './provider-calls';
import type { RecordedCommand, RecordedExecution } from './recorded-execution';
import type { SandboxSettings } from './settings';

export interface ExecCall extends RecordedCommand {
  readonly env?: Readonly<Record<string, string>>;
  readonly workdir?: string;
  /** Bytes for the standard input. */
  readonly stdin?: Uint8Array;
}

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
    return execAnswer(call.sandboxId, await this.run(call));
  }

  /** As `execute`, with what the command left. */
  async run(call: ExecCall): Promise<ExecutionResult> {
    const { argv, timeoutMs, env, workdir, stdin } = call;
    const sandbox = await this.access.owned(call.owner, call.sandboxId, call.operation ?? 'sandbox.exec');
    const options = {
      timeoutMs,
      ...(env === undefined ? {} : { env }),
      ...(workdir === undefined ? {} : { workdir }),
      ...(stdin === undefined ? {} : { stdin: Readable.from([stdin]) }),
    };
    return this.executions.run(sandbox, call, () => {
      const running = this.provider.exec(sandbox, argv, options, (process) =>
        collectProcess(process, this.settings.maxOutputBytes),
      );
      this.phases.reached('operation_running');
      return running;
    });
  }
}

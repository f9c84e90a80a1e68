import type { Clock } from '@tollbox/platform/clock/clock';
import type { Ids } from '@tollbox/platform/clock/random';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { cellAnswer, type CellAnswer, type CellBody, type CellRun } from '../../domain/interpreter';
import type { Sandbox } from '../../domain/sandbox';
import type { SandboxAccess } from '../access';
import { sandboxBusy } from '../admit-exec';
import type { InterpreterStore, TakenContext } from '../ports/interpreter-store';
import type { ProviderCalls } from '../provider-calls';
import type { RecordedExecution } from '../recorded-execution';
import { CellProcess, type CellEnd } from './cell-process';
import type { InterpreterSettings } from './interpreter-settings';

export interface CellCall {
  readonly owner: string;
  readonly operationId: string;
  readonly body: CellBody;
}

type Output = Omit<CellRun, 'durationMs'>;

/**
 * Runs a cell in a context of a sandbox's Python interpreter. The interpreter is a process of the sandbox that any gateway
 * finds again; the context's row says which one, and lets one cell at a time have it.
 */
export class RunCell {
  constructor(
    private readonly executions: RecordedExecution,
    private readonly interpreter: { readonly contexts: InterpreterStore; readonly argv: readonly string[] },
    private readonly provider: ProviderCalls,
    private readonly access: SandboxAccess,
    private readonly settings: InterpreterSettings,
    private readonly clock: Clock,
    private readonly ids: Ids,
  ) {}

  /**
   * A cell that raises, or is interrupted at its timeout, is an answer like any other.
   * @throws TollboxError; the operation then counts as not done
   */
  async execute({ owner, operationId, body }: CellCall): Promise<CellAnswer> {
    const sandbox = await this.access.owned(owner, body.sandbox_id, 'sandboxes.cell');
    const taken = await this.take(sandbox, operationId, body);
    let kept = taken.processId;
    const timeoutMs = body.timeout * 1_000;
    const argv = ['interpreter', body.context, body.code];
    const command = { owner, operationId, operation: 'sandboxes.cell', sandboxId: sandbox.id, argv, timeoutMs };
    try {
      const run = await this.executions.run(sandbox, command, async () => {
        kept = null; // an interpreter whose cell nobody saw the end of is not used again
        const { processId, output } = await this.runIn(sandbox, taken, operationId, body);
        if (!output.hasEnded) kept = processId;
        return output;
      });
      return cellAnswer(body, run);
    } finally {
      await this.interpreter.contexts.giveBack(operationId, kept);
    }
  }

  private async take(sandbox: Sandbox, operationId: string, { context, timeout }: CellBody): Promise<TakenContext> {
    const holdMs = timeout * 1_000 + 2 * this.settings.overheadMs;
    const { maxContexts } = this.settings;
    const wanted = { sandboxId: sandbox.id, name: context, operationId };
    const taken = await this.interpreter.contexts.take(wanted, { holdMs, maxContexts });
    if (taken === 'busy') throw sandboxBusy();
    if (taken === 'too_many') throw new TollboxError('too_many_contexts');
    return taken;
  }

  private runIn(sandbox: Sandbox, taken: TakenContext, operationId: string, { code, timeout }: CellBody) {
    const timeoutMs = timeout * 1_000;
    return this.provider.processes(sandbox, timeoutMs + this.settings.overheadMs, async (port, handle, signal) => {
      const cells = new CellProcess(port, handle, this.settings, signal);
      if (taken.leftProcessId !== null) await cells.kill(taken.leftProcessId);
      const found = taken.processId !== null && (await cells.isAlive(taken.processId)) ? taken.processId : null;
      const processId = found ?? this.ids.uuid();
      if (found === null) await cells.start(processId, this.interpreter.argv, this.leftMs(sandbox));
      const end = await cells.run(processId, { id: operationId, code, timeoutMs });
      return { processId, output: outputOf(end, found === null) };
    });
  }

  private leftMs(sandbox: Sandbox): number {
    return Math.max(1_000, sandbox.deadlineAt.getTime() - this.clock.nowMs());
  }
}

function outputOf({ output, timedOut, exitCode }: CellEnd, isRestarted: boolean): Output {
  return {
    ...output,
    timedOut,
    isRestarted,
    hasEnded: exitCode !== null,
    returncode: exitCode ?? (output.error === null ? 0 : 1),
  };
}

import type { Clock } from '@tollbox/platform/clock/clock';
import type { Ids } from '@tollbox/platform/clock/random';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { execAnswer, type ExecAnswer } from '../domain/answers';
import type { ExecutionResult, Sandbox } from '../domain/sandbox';
import type { SandboxAccess } from './access';
import { sandboxBusy } from './admit-exec';
import type { ObserveSandbox } from './observe-sandbox';
import { collectOutput } from './output-collector';
import { ProviderError, type ProviderProcess } from './ports/provider';
import type { SandboxStore } from './ports/sandbox-store';
import type { ProviderCalls } from './provider-calls';
import { toBuyerError } from './provider-failure';
import type { SandboxSettings } from './settings';

export interface ExecCall {
  readonly owner: string;
  readonly operationId: string;
  readonly sandboxId: string;
  readonly argv: readonly string[];
  readonly timeoutMs: number;
}

/** Failures that prove that the command has not started. After any other one it may have run. */
const NOT_STARTED = new Set(['rate_limited', 'invalid', 'misconfigured']);

/** Runs one command in a sandbox and records it under its operation. */
export class ExecCommand {
  constructor(
    private readonly store: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly access: SandboxAccess,
    private readonly observer: ObserveSandbox,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly settings: SandboxSettings,
    private readonly phases: PhaseObserver,
  ) {}

  /**
   * A command that exits non-zero, or is killed at its timeout, is an answer like any other.
   * @throws TollboxError; the operation then counts as not done
   */
  async execute(call: ExecCall): Promise<ExecAnswer> {
    const sandbox = await this.access.owned(call.owner, call.sandboxId, 'sandbox.exec');
    await this.start(call);
    const result = await this.run(sandbox, call);
    if (!(await this.store.finishExecution(call.operationId, result))) throw new TollboxError('execution_lost');
    return execAnswer(sandbox.id, result);
  }

  private async start(call: ExecCall): Promise<void> {
    const started = await this.store.startExecution({
      id: this.ids.uuid(),
      operationId: call.operationId,
      sandboxId: call.sandboxId,
      owner: call.owner,
      argv: call.argv,
      timeoutMs: call.timeoutMs,
      overheadMs: this.settings.execOverheadMs,
      maxRunning: this.settings.maxExecsPerSandbox,
    });
    if (started === 'abandoned') throw new TollboxError('operation_interrupted');
    if (started === 'not_running') throw new TollboxError('sandbox_gone');
    if (started === 'busy') throw sandboxBusy();
  }

  private async run(sandbox: Sandbox, call: ExecCall): Promise<ExecutionResult> {
    const startedAtMs = this.clock.nowMs();
    try {
      const running = this.provider.exec(sandbox, call.argv, { timeoutMs: call.timeoutMs }, (process) => this.read(process));
      this.phases.reached('operation_running');
      const output = await running;
      return { ...output, durationMs: Math.max(0, this.clock.nowMs() - startedAtMs) };
    } catch (error) {
      throw await this.failed(sandbox, call, error);
    }
  }

  /** Both streams are read at the same time: a full pipe that nobody reads would stop the command. */
  private async read(process: ProviderProcess): Promise<Omit<ExecutionResult, 'durationMs'>> {
    const [stdout, stderr, exit] = await Promise.all([
      collectOutput(process.stdout, this.settings.maxOutputBytes),
      collectOutput(process.stderr, this.settings.maxOutputBytes),
      process.exit,
    ]);
    return { stdout, stderr, returncode: exit.returncode, timedOut: exit.timedOut };
  }

  private async failed(sandbox: Sandbox, call: ExecCall, error: unknown): Promise<unknown> {
    if (!(error instanceof ProviderError)) return error;
    await this.store.failExecution(call.operationId, error.kind);
    if (error.kind === 'gone' || error.kind === 'not_found') {
      await this.lookAfterGone(sandbox, call);
      return new TollboxError('sandbox_gone', { cause: error });
    }
    if (error.kind === 'timeout' || NOT_STARTED.has(error.kind)) return toBuyerError(error);
    // Retryable codes would let the same payment run the command a second time.
    const message = 'The sandbox provider failed while it ran the command. The command may have run; it was not charged.';
    return new TollboxError('execution_lost', { message, cause: error });
  }

  /** The buyer's answer is certain already; what cannot be seen now the reaper sees later. */
  private async lookAfterGone(sandbox: Sandbox, { owner, operationId }: ExecCall): Promise<void> {
    await this.store.countGhostSighting(sandbox.id); // the exec was the first explicit not-found; a look is the second
    try {
      await this.observer.observe(sandbox, { actor: owner, operationId });
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      await this.store.note(sandbox.id, 'inspect_failed', { actor: owner, operationId }, { provider_error: error.kind });
    }
  }
}

import type { Clock } from '@tollbox/platform/clock/clock';
import type { Ids } from '@tollbox/platform/clock/random';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { ExecutionResult, Sandbox } from '../domain/sandbox';
import { sandboxBusy } from './admit-exec';
import type { ObserveSandbox } from './observe-sandbox';
import { ProviderError } from './ports/provider';
import type { SandboxStore } from './ports/sandbox-store';
import { toBuyerError } from './provider-failure';
import { sandboxGone } from './sandbox-gone';
import type { SandboxSettings } from './settings';

/** What is recorded of a command before it runs. */
export interface RecordedCommand {
  readonly owner: string;
  readonly operationId: string;
  /** Name of the operation; `sandbox.exec` when absent. */
  readonly operation?: string;
  readonly sandboxId: string;
  readonly argv: readonly string[];
  readonly timeoutMs: number;
}

/** Failures that prove that the command has not started. After any other one it may have run. */
const NOT_STARTED = new Set(['rate_limited', 'invalid', 'misconfigured']);

/** Runs work in a sandbox with its execution record: `started` before it, `finished` or `failed` after it. */
export class RecordedExecution {
  constructor(
    private readonly store: SandboxStore,
    private readonly observer: ObserveSandbox,
    private readonly clock: Clock,
    private readonly ids: Ids,
    private readonly settings: SandboxSettings,
  ) {}

  /** @throws TollboxError; the operation then counts as not done */
  async run<Output extends Omit<ExecutionResult, 'durationMs'>>(
    sandbox: Sandbox,
    command: RecordedCommand,
    work: () => Promise<Output>,
  ): Promise<Output & ExecutionResult> {
    await this.start(sandbox, command);
    const startedAtMs = this.clock.nowMs();
    let output: Output;
    try {
      output = await work();
    } catch (error) {
      throw await this.failed(sandbox, command, error);
    }
    const result = { ...output, durationMs: Math.max(0, this.clock.nowMs() - startedAtMs) };
    if (!(await this.store.finishExecution(command.operationId, result))) throw new TollboxError('execution_lost');
    return result;
  }

  private async start(
    sandbox: Sandbox,
    { operationId, operation = 'sandbox.exec', sandboxId, owner, argv, timeoutMs }: RecordedCommand,
  ): Promise<void> {
    const started = await this.store.startExecution({
      id: this.ids.uuid(),
      operationId,
      operation,
      sandboxId,
      owner,
      argv,
      timeoutMs,
      overheadMs: this.settings.execOverheadMs,
      maxRunning: this.settings.maxExecsPerSandbox,
    });
    if (started === 'abandoned') throw new TollboxError('operation_interrupted');
    if (started === 'not_running') throw sandboxGone((await this.store.find(sandboxId)) ?? sandbox);
    if (started === 'busy') throw sandboxBusy();
  }

  private async failed(sandbox: Sandbox, command: RecordedCommand, error: unknown): Promise<unknown> {
    if (!(error instanceof ProviderError)) return error;
    await this.store.failExecution(command.operationId, error.kind);
    if (error.kind === 'gone' || error.kind === 'not_found') {
      return sandboxGone(await this.lookAfterGone(sandbox, command), error);
    }
    if (error.kind === 'timeout' || NOT_STARTED.has(error.kind)) return toBuyerError(error);
    // Retryable codes would let the same payment run the command a second time.
    const message = 'The sandbox provider failed while it ran the command. The command may have run; it was not charged.';
    return new TollboxError('execution_lost', { message, cause: error });
  }

  /** That it is gone is certain already; why, a look tells. What cannot be seen now the reaper sees later. */
  private async lookAfterGone(sandbox: Sandbox, { owner, operationId }: RecordedCommand): Promise<Sandbox> {
    await this.store.countGhostSighting(sandbox.id); // the exec was the first explicit not-found; a look is the second
    try {
      const seen = await this.observer.observe(sandbox, { actor: owner, operationId });
      return seen.reason === null ? { ...seen, reason: 'provider_lost' } : seen;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      await this.store.note(sandbox.id, 'inspect_failed', { actor: owner, operationId }, { provider_error: error.kind });
      return { ...sandbox, reason: 'provider_lost' };
    }
  }
}

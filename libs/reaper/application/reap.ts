import type { Clock } from '@tollbox/platform/clock/clock';
import type { EndSandbox } from '@tollbox/sandboxes/application/end-sandbox';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { backOffMs, type Failure } from './back-off';
import type { EndingSandbox, ReaperStore } from './ports/reaper-store';
import type { ReaperLog } from './reaper-log';
import { WorkInHand } from './work-in-hand';

export interface ReapSettings {
  readonly provider: string;
  /** Age after which a create that is not running yet is given up. */
  readonly createLimitMs: number;
  /** Time for which other workers leave alone what this one has taken. */
  readonly retryAfterMs: number;
  /** Sandboxes in hand at once, those that wait for a provider call included. */
  readonly batch: number;
  /** Provider calls at once. */
  readonly concurrency: number;
}

const BY = { actor: 'reaper' };

/**
 * Ends what is over its time, what nobody finished creating, and what another process began to end. A tick only takes
 * rows and starts on them: one call that hangs holds up neither the next tick nor the other sandboxes.
 */
export class Reap {
  private readonly inHand: WorkInHand<EndingSandbox>;
  /** The provider asked for a pause until then; kept by each worker for itself, which learns it from its own calls. */
  private pausedUntilMs = 0;

  constructor(
    private readonly store: ReaperStore,
    private readonly ender: EndSandbox,
    private readonly clock: Clock,
    private readonly settings: ReapSettings,
    private readonly log: ReaperLog,
  ) {
    this.inHand = new WorkInHand(settings.concurrency, (sandbox) => this.end(sandbox));
  }

  /**
   * Takes what is due and starts to end it.
   * @param stopping nothing more is started after it
   * @returns how many sandboxes it took
   */
  async tick(stopping: AbortSignal): Promise<number> {
    const room = this.settings.batch - this.inHand.size;
    if (room <= 0 || stopping.aborted || this.clock.nowMs() < this.pausedUntilMs) return 0;
    const { provider, createLimitMs, retryAfterMs } = this.settings;
    const taken = [
      await this.store.takeExpired(provider, retryAfterMs, room),
      await this.store.takeIdle(provider, retryAfterMs, room),
      await this.store.takeStuck(provider, createLimitMs, retryAfterMs, room),
      await this.store.takeUnfinishedEnds(provider, retryAfterMs, room),
    ].flat();
    const known = new Set<string>();
    for (const sandbox of taken) {
      if (!known.has(sandbox.id)) this.inHand.add(sandbox.id, sandbox, stopping);
      known.add(sandbox.id);
    }
    return known.size;
  }

  /** Resolves when nothing that was taken is under way any more. */
  async idle(): Promise<void> {
    await this.inHand.idle();
  }

  private async end(sandbox: EndingSandbox): Promise<void> {
    try {
      await this.ender.finish(sandbox, BY);
    } catch (error) {
      await this.postpone(sandbox, error);
    }
  }

  private async postpone(sandbox: EndingSandbox, error: unknown): Promise<void> {
    this.log.problem(`sandbox ${sandbox.id} could not be ended yet`, error);
    const { kind, retryAfterMs } =
      error instanceof ProviderError ? error : { kind: 'internal' as const, retryAfterMs: undefined };
    const failure: Failure = { kind, attempts: sandbox.endAttempts, retryAfterMs };
    if (kind === 'rate_limited' && retryAfterMs !== undefined)
      this.pausedUntilMs = Math.max(this.pausedUntilMs, this.clock.nowMs() + retryAfterMs);
    try {
      await this.store.postponeEnd(sandbox.id, backOffMs(failure, Math.random()));
    } catch (failedToWrite) {
      this.log.problem(`the next attempt to end sandbox ${sandbox.id} is not written down; it comes sooner`, failedToWrite);
    }
  }
}

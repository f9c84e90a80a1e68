import { mapConcurrently } from '@tollbox/platform/process/map-concurrently';
import type { EndSandbox } from '@tollbox/sandboxes/application/end-sandbox';
import type { ReaperStore } from './ports/reaper-store';
import type { ReaperLog } from './reaper-log';

export interface ReapSettings {
  readonly provider: string;
  /** Age after which a create that is not running yet is given up. */
  readonly createLimitMs: number;
  /** Time between two attempts to end the same sandbox. */
  readonly retryAfterMs: number;
  /** Sandboxes of each kind in one pass. */
  readonly batch: number;
  /** Provider calls at once. */
  readonly concurrency: number;
}

const BY = { actor: 'reaper' };

/** One pass: ends what is over its time, what nobody finished creating, and what another process began to end. */
export class Reap {
  constructor(
    private readonly store: ReaperStore,
    private readonly ender: EndSandbox,
    private readonly settings: ReapSettings,
    private readonly log: ReaperLog,
  ) {}

  /**
   * @param stopping ends the pass early, between two sandboxes
   * @returns how many sandboxes it worked on
   */
  async pass(stopping: AbortSignal): Promise<number> {
    const { provider, createLimitMs, retryAfterMs, batch, concurrency } = this.settings;
    const expired = await this.store.requestEndOfExpired(provider, batch);
    const stuck = await this.store.requestEndOfStuck(provider, createLimitMs, batch);
    const unfinished = await this.store.takeUnfinishedEnds(provider, retryAfterMs, batch);
    const ids = [...new Set([...expired, ...stuck, ...unfinished])];
    await mapConcurrently(ids, concurrency, async (id) => {
      if (!stopping.aborted) await this.end(id);
    });
    return ids.length;
  }

  private async end(id: string): Promise<void> {
    try {
      await this.ender.drive(id, BY);
    } catch (error) {
      this.log.problem(`sandbox ${id} could not be ended yet`, error);
    }
  }
}

import type { Clock } from '@tollbox/platform/clock/clock';
import type { InstallationView } from '../ports/installation-view';
import type { ListedSnapshot } from '../ports/provider-snapshots';
import type { SnapshotStore } from '../ports/snapshot-store';
import type { EndSnapshot } from './end-snapshot';
import type { SnapshotCalls } from './snapshot-calls';

export interface SnapshotReaperLog {
  problem(message: string, error: unknown): void;
  alarm(message: string): void;
}

export interface ReapSnapshotsSettings {
  readonly batch: number;
  /** Time between two attempts to remove the same snapshot. */
  readonly retryAfterMs: number;
  /** A take that nobody finished within this time is given up. */
  readonly stuckAfterMs: number;
  /** A younger image without a row may belong to a take that is under way. */
  readonly orphanAgeMs: number;
  /** More orphans than this at once stop the removal: then the list or the rows are wrong. */
  readonly maxOrphans: number;
}

const BY = { actor: 'reaper' };

/** One pass: removes what has expired, what nobody finished, and images that no row explains. */
export class ReapSnapshots {
  constructor(
    private readonly store: SnapshotStore,
    private readonly calls: SnapshotCalls,
    private readonly ender: EndSnapshot,
    private readonly installation: InstallationView,
    private readonly clock: Clock,
    private readonly settings: ReapSnapshotsSettings,
    private readonly log: SnapshotReaperLog,
  ) {}

  async pass(stopping: AbortSignal): Promise<void> {
    if (!this.calls.isSupported) return;
    const { batch, retryAfterMs, stuckAfterMs } = this.settings;
    const provider = this.calls.providerName;
    for (const { id } of await this.store.expired(provider, batch)) await this.ender.order(id, 'expired', BY);
    for (const { id } of await this.store.untouched(provider, ['requested'], stuckAfterMs, batch))
      await this.store.change({ id, from: ['requested'], to: 'failed', kind: 'take_given_up', ...BY });
    for (const { id } of await this.store.untouched(provider, ['taking'], stuckAfterMs, batch))
      await this.store.change({ id, from: ['taking'], to: 'unknown', kind: 'take_given_up', ...BY });
    for (const { id } of await this.store.untouched(provider, ['unknown'], 0, batch))
      await this.ender.order(id, 'outcome_unknown', BY);
    for (const { id } of await this.store.untouched(provider, ['deleting'], retryAfterMs, batch)) {
      if (stopping.aborted) return;
      await this.remove(id);
    }
    await this.removeOrphans(stopping);
  }

  private async remove(id: string): Promise<void> {
    try {
      await this.store.touch(id);
      await this.ender.drive(id, BY);
    } catch (error) {
      this.log.problem(`snapshot ${id} could not be removed yet`, error);
    }
  }

  /** The rows are read after the list: a row is always there before its image. */
  private async removeOrphans(stopping: AbortSignal): Promise<void> {
    const listed = (await this.calls.list(this.installation.id)) ?? [];
    const old = listed.filter(({ createdAt }) => this.clock.nowMs() - createdAt.getTime() >= this.settings.orphanAgeMs);
    const states = await this.store.statesOf(old.flatMap(({ snapshotId }) => (snapshotId === null ? [] : [snapshotId])));
    const orphans = old.filter(({ snapshotId }) => {
      const state = states.get(snapshotId ?? '');
      return state === undefined || state === 'deleted' || state === 'failed';
    });
    if (orphans.length > this.settings.maxOrphans) {
      this.log.alarm(`${orphans.length} snapshot images have no row, more than ${this.settings.maxOrphans}: nothing is removed`);
      return;
    }
    for (const orphan of orphans) {
      if (stopping.aborted) return;
      await this.removeOrphan(orphan);
    }
  }

  private async removeOrphan({ snapshotRef, snapshotId }: ListedSnapshot): Promise<void> {
    try {
      await this.calls.remove(snapshotRef);
    } catch (error) {
      this.log.problem(`the image of snapshot ${snapshotId ?? '(none)'} could not be removed yet`, error);
    }
  }
}

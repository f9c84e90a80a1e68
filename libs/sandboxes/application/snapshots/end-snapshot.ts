import type { Clock } from '@tollbox/platform/clock/clock';
import type { Snapshot } from '../../domain/snapshot';
import type { InstallationView } from '../ports/installation-view';
import { ProviderError } from '../ports/provider';
import type { Actor } from '../ports/sandbox-store';
import type { SnapshotStore } from '../ports/snapshot-store';
import type { SnapshotCalls } from './snapshot-calls';
import type { SnapshotSettings } from './snapshot-settings';

/** An image that a take made may show in the list this much later. */
const LISTING_DELAY_MS = 5_000;

/** Removes snapshots: the wish is the state `deleting`, and any process can go on where another stopped. */
export class EndSnapshot {
  constructor(
    private readonly store: SnapshotStore,
    private readonly calls: SnapshotCalls,
    private readonly installation: InstallationView,
    private readonly clock: Clock,
    private readonly settings: SnapshotSettings,
  ) {}

  /** Records that a snapshot must go. Null when it must already, or never was there. */
  async order(id: string, kind: string, by: Actor): Promise<Snapshot | null> {
    return this.store.change({ id, from: ['taking', 'ready', 'unknown'], to: 'deleting', kind, ...by });
  }

  /**
   * Removes what a `deleting` snapshot has at the provider; any other one is left alone.
   * @throws ProviderError; the reaper goes on with it
   */
  async drive(id: string, by: Actor): Promise<Snapshot | null> {
    const snapshot = await this.store.find(id);
    if (snapshot?.state !== 'deleting' || !(await this.removeImages(snapshot))) return snapshot;
    await this.store.change({ id, from: ['deleting'], to: 'deleted', kind: 'deleted', ...by });
    return this.store.find(id);
  }

  /** As drive; what a failing provider keeps from happening now, the reaper does later. */
  async driveIfPossible(id: string, by: Actor): Promise<Snapshot | null> {
    try {
      return await this.drive(id, by);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return this.store.find(id);
    }
  }

  /** False while an image that nobody knows of may still appear. */
  private async removeImages(snapshot: Snapshot): Promise<boolean> {
    if (snapshot.provider !== this.calls.providerName)
      throw new ProviderError('unavailable', `snapshot ${snapshot.id} is kept by ${snapshot.provider}`);
    if (snapshot.providerRef !== null) {
      await this.calls.remove(snapshot.providerRef);
      return true;
    }
    const listed = (await this.calls.list(this.installation.id)) ?? [];
    const ours = listed.filter(({ snapshotId }) => snapshotId === snapshot.id);
    for (const { snapshotRef } of ours) await this.calls.remove(snapshotRef);
    return ours.length > 0 || this.takeIsOver(snapshot);
  }

  private takeIsOver({ createdAt }: Snapshot): boolean {
    return this.clock.nowMs() > createdAt.getTime() + this.settings.takeDeadlineMs + LISTING_DELAY_MS;
  }
}

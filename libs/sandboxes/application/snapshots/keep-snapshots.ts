import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Clock } from '@tollbox/platform/clock/clock';
import { isSnapshotUsable, type Snapshot } from '../../domain/snapshot';
import type { DeletedSnapshotAnswer } from '../../domain/snapshot-wire';
import type { SnapshotCursor, SnapshotStore } from '../ports/snapshot-store';
import type { EndSnapshot } from './end-snapshot';

/** What an owner does with snapshots that are there: look at them, start from one, delete one. */
export class KeepSnapshots {
  constructor(
    private readonly store: SnapshotStore,
    private readonly ender: EndSnapshot,
    private readonly clock: Clock,
  ) {}

  /** One more than the limit means that there are more. */
  async page(
    owner: string,
    after: SnapshotCursor | undefined,
    limit: number,
  ): Promise<{ snapshots: readonly Snapshot[]; hasMore: boolean }> {
    const rows = await this.store.ready(owner, after, limit + 1);
    return { snapshots: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  /**
   * A snapshot that a new sandbox of this wallet can start from.
   * @throws TollboxError `snapshot_not_found`, also for another's, a deleted and an expired one
   */
  async usable(owner: string, id: string): Promise<Snapshot & { readonly providerRef: string }> {
    const snapshot = await this.store.find(id);
    if (snapshot?.owner !== owner || !isSnapshotUsable(snapshot, this.clock.nowMs()))
      throw new TollboxError('snapshot_not_found');
    const { providerRef } = snapshot;
    if (providerRef === null) throw new Error(`snapshot ${id} is ready and has no image`);
    return { ...snapshot, providerRef };
  }

  /**
   * Deletes a snapshot of this wallet; one that is deleted stays deleted.
   * @throws TollboxError `snapshot_not_found`
   */
  async delete(owner: string, id: string): Promise<DeletedSnapshotAnswer> {
    const snapshot = await this.store.find(id);
    if (snapshot?.owner !== owner || !['ready', 'deleting', 'deleted'].includes(snapshot.state))
      throw new TollboxError('snapshot_not_found');
    const by = { actor: owner };
    if (snapshot.state === 'ready') await this.ender.order(id, 'delete_ordered', by);
    const now = await this.ender.driveIfPossible(id, by);
    return { snapshot_id: id, status: now?.state === 'deleted' ? 'deleted' : 'deleting' };
  }
}

import { snapshotAnswer, type SnapshotAnswer } from '../../domain/snapshot-wire';
import type { Snapshot } from '../../domain/snapshot';
import type { InstallationView } from '../ports/installation-view';
import { ProviderError } from '../ports/provider';
import type { Actor, SandboxStore } from '../ports/sandbox-store';
import type { SnapshotStore } from '../ports/snapshot-store';
import type { EndSnapshot } from './end-snapshot';
import type { SnapshotCalls } from './snapshot-calls';

export type SnapshotOutcome =
  { readonly kind: 'done'; readonly answer: SnapshotAnswer } | { readonly kind: 'not_started' | 'unknown' };

const SNAPSHOT_OPERATION = 'sandbox.snapshot';

/**
 * Decides what became of a take whose process is believed dead. That process may be alive and slow: every step is a
 * compare-and-set that makes its next one fail.
 */
export class SettleSnapshot {
  constructor(
    private readonly sandboxes: Pick<SandboxStore, 'abandonOperation'>,
    private readonly store: SnapshotStore,
    private readonly calls: SnapshotCalls,
    private readonly installation: InstallationView,
    private readonly ender: EndSnapshot,
  ) {}

  async settle(operationId: string): Promise<SnapshotOutcome> {
    if ((await this.sandboxes.abandonOperation(operationId, SNAPSHOT_OPERATION)) === 'abandoned') return { kind: 'not_started' };
    const by = { actor: 'recovery', operationId };
    const { id } = await this.mustFind(operationId);
    await this.store.change({ id, from: ['requested'], to: 'failed', kind: 'take_given_up', ...by });
    const snapshot = await this.mustFind(operationId);
    if (snapshot.state === 'taking') await this.adoptOrGiveUp(snapshot, by);
    const settled = await this.mustFind(operationId);
    if (settled.state === 'ready') return { kind: 'done', answer: snapshotAnswer(settled) };
    if (settled.state === 'failed') return { kind: 'not_started' };
    await this.ender.order(settled.id, 'take_given_up', by);
    await this.ender.driveIfPossible(settled.id, by);
    return { kind: 'unknown' };
  }

  /** The answer will never be paid for: the snapshot goes. Safe to repeat. */
  async revoke(operationId: string): Promise<void> {
    if ((await this.sandboxes.abandonOperation(operationId, SNAPSHOT_OPERATION)) === 'abandoned') return;
    const { id } = await this.mustFind(operationId);
    const by = { actor: 'payments', operationId };
    await this.store.change({ id, from: ['requested'], to: 'failed', kind: 'unpaid', ...by });
    await this.ender.order(id, 'unpaid', by);
    await this.ender.driveIfPossible(id, by);
  }

  private async adoptOrGiveUp({ id }: Snapshot, by: Actor): Promise<void> {
    const providerRef = await this.findImage(id);
    if (providerRef !== null) await this.store.change({ id, from: ['taking'], to: 'ready', kind: 'adopted', providerRef, ...by });
  }

  /** The one image of the snapshot. A provider that does not answer, or cannot list, knows of none. */
  private async findImage(snapshotId: string): Promise<string | null> {
    try {
      const listed = (await this.calls.list(this.installation.id)) ?? [];
      const [image, another] = listed.filter((entry) => entry.snapshotId === snapshotId);
      return another === undefined ? (image?.snapshotRef ?? null) : null;
    } catch (error) {
      if (error instanceof ProviderError) return null;
      throw error;
    }
  }

  private async mustFind(operationId: string): Promise<Snapshot> {
    const snapshot = await this.store.findByOperation(operationId);
    if (snapshot === null) throw new Error(`operation ${operationId} is started and has no snapshot`);
    return snapshot;
  }
}

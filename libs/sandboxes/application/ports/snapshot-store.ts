import type { Snapshot, SnapshotState } from '../../domain/snapshot';
import type { Actor } from './sandbox-store';

export interface NewSnapshot {
  readonly id: string;
  readonly owner: string;
  readonly sandboxId: string;
  readonly operationId: string;
  readonly provider: string;
  readonly ttlMs: number;
}

export type RequestSnapshotResult = Snapshot | 'abandoned' | 'not_running' | 'limit_of_owner';

/** A change of state. It happens only from one of `from`; otherwise nothing changes. */
export interface SnapshotChange extends Actor {
  readonly id: string;
  readonly from: readonly SnapshotState[];
  readonly to: SnapshotState;
  /** Name of the event, for example `taken`. */
  readonly kind: string;
  readonly providerRef?: string;
  readonly sizeBytes?: number | null;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** A place between two snapshots in the order newest first. */
export interface SnapshotCursor {
  readonly createdAt: Date;
  readonly id: string;
}

/** The rows of the snapshots. Every change is one compare-and-set with its event in one statement; times are the database's. */
export interface SnapshotStore {
  find(id: string): Promise<Snapshot | null>;
  findByOperation(operationId: string): Promise<Snapshot | null>;
  /** Snapshots of a wallet that are kept, or will be. */
  countKept(owner: string): Promise<number>;
  /** Inserts operation, row (`requested`) and event, unless the sandbox has ended, the wallet's limit or a settled operation forbids it. */
  request(snapshot: NewSnapshot, maxPerOwner: number): Promise<RequestSnapshotResult>;
  /** The changed snapshot, or null when it was in no state of `from`. */
  change(change: SnapshotChange): Promise<Snapshot | null>;
  /** Remembers the provider's image of a row that does not know it, so that deleting the row removes it. */
  rememberRef(id: string, providerRef: string): Promise<void>;
  /** Ready snapshots of a wallet, newest first, from the cursor on. */
  ready(owner: string, after: SnapshotCursor | undefined, limit: number): Promise<readonly Snapshot[]>;

  /** Ready ones whose time is over. */
  expired(provider: string, limit: number): Promise<readonly Snapshot[]>;
  /** Those in one of these states that nobody has changed for this long, least recently changed first. */
  untouched(
    provider: string,
    states: readonly SnapshotState[],
    untouchedForMs: number,
    limit: number,
  ): Promise<readonly Snapshot[]>;
  /** Lets others have their turn before this one is tried again. */
  touch(id: string): Promise<void>;
  statesOf(ids: readonly string[]): Promise<ReadonlyMap<string, SnapshotState>>;
}

export const SNAPSHOT_STORE = Symbol('SnapshotStore');

import { randomId } from './random-id';

/**
 * The life of a snapshot. A row comes first (`requested`), the provider's image second. `unknown` is a take whose outcome
 * nobody saw: it is never sold, and what it may have made is removed. `deleted` and `failed` are final. The database refuses
 * what this table does not list (prisma/migrations, snapshots_guard).
 */
export const SNAPSHOT_STATES = ['requested', 'taking', 'ready', 'unknown', 'deleting', 'deleted', 'failed'] as const;
export type SnapshotState = (typeof SNAPSHOT_STATES)[number];

export const SNAPSHOT_TRANSITIONS: Readonly<Record<SnapshotState, readonly SnapshotState[]>> = {
  requested: ['taking', 'failed'],
  taking: ['ready', 'failed', 'unknown', 'deleting'],
  ready: ['deleting'],
  unknown: ['deleting'],
  deleting: ['deleted'],
  deleted: [],
  failed: [],
};

/** A snapshot as its row says. */
export interface Snapshot {
  readonly id: string;
  /** Lower-case address of the wallet that paid for it. */
  readonly owner: string;
  /** The sandbox that it was taken of. */
  readonly sandboxId: string;
  readonly operationId: string;
  readonly provider: string;
  readonly providerRef: string | null;
  readonly state: SnapshotState;
  /** What the sandbox had written over its image, where the provider says. */
  readonly sizeBytes: number | null;
  readonly expiresAt: Date;
  readonly createdAt: Date;
}

const PATTERN = /^sn-[A-Za-z0-9]{1,64}$/;

export const newSnapshotId = (randomBytes: (length: number) => Uint8Array): string => randomId('sn', randomBytes);

/** Whether a text could be an id at all; anything else belongs to no snapshot. */
export const isSnapshotId = (text: string): boolean => PATTERN.test(text);

/** Whether new sandboxes can start from it. */
export function isSnapshotUsable(snapshot: Snapshot, nowMs: number): boolean {
  return snapshot.state === 'ready' && snapshot.expiresAt.getTime() > nowMs;
}

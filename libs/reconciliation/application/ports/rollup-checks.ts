import type { StartedRun } from './reconciliation-store';

/** What one account moved to another for one event, by account codes. */
export interface MovedSum {
  readonly debit: string;
  readonly credit: string;
  readonly event: string;
  readonly entries: bigint;
  readonly amount: bigint;
}

/** All rollups of one kind, added up. */
export interface RollupSums {
  /** `recorded day`, `event minute` and so on. */
  readonly kind: string;
  readonly sums: readonly MovedSum[];
}

export interface RollupCheckStore {
  /** The rollups and the newest entry that they hold, at one moment. */
  rollups(): Promise<{ readonly foldedId: bigint; readonly kinds: readonly RollupSums[] }>;
  /** Adds up some more entries of the journal, no further than `upToId`; false when it is there. Rejects LeaseLostError. */
  addUp(run: StartedRun, upToId: bigint): Promise<boolean>;
  /** What the entries added up to, and the newest of them. */
  addedUp(): Promise<{ readonly entryId: bigint; readonly sums: readonly MovedSum[] }>;
}

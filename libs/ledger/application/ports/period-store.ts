import type { PeriodClose } from '../../domain/period';

export interface TimeRange {
  /** Inclusive, by the time of recording. */
  readonly fromAt: Date;
  /** Exclusive. */
  readonly untilAt: Date;
}

/** What one block of the journal holds of one range. */
export interface BlockContent {
  /** Index of the range. */
  readonly range: number;
  readonly entries: bigint;
  readonly sha256: string;
  readonly moves: readonly { readonly debit: string; readonly credit: string; readonly amount: bigint }[];
}

export interface PeriodStore {
  /** The database's, which dates the entries. */
  now(): Promise<Date>;
  /** In the order in which they were closed. */
  closes(): Promise<readonly PeriodClose[]>;
  newest(): Promise<PeriodClose | null>;
  /** From when it resolves, nothing is recorded before `until`, except by the transactions up to the one it names. */
  setBarrier(until: Date): Promise<bigint>;
  /** Whether all transactions up to this one have ended. */
  haveEnded(transactionId: bigint): Promise<boolean>;
  /** The entries of the ranges, block by block in the order of their ids; a block without any is left out. */
  blocks(ranges: readonly TimeRange[], scope: 'ranges' | 'whole journal'): AsyncIterable<readonly BlockContent[]>;
  /** Keeps the close, its totals and an audit entry, or nothing when another close came first: then false. */
  append(close: PeriodClose): Promise<boolean>;
}

/** Nest's injection token of the PeriodStore. */
export const PERIOD_STORE = Symbol('PeriodStore');

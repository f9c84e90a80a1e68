import type { AccountType, Asset } from '../../domain/accounts';

/** By which of its two times an entry counts: when it was written, or when it happened. */
export type TimeBasis = 'recorded' | 'event';

/** Entries before `at` by `basis`; all of them without `at`. */
export interface Moment {
  readonly at?: Date | undefined;
  /** `recorded` unless given. */
  readonly basis?: TimeBasis | undefined;
}

export interface AccountBalance {
  readonly code: string;
  readonly type: AccountType;
  readonly asset: Asset;
  /** CAIP-2; empty for USD. */
  readonly network: string;
  readonly meaning: string;
  readonly debits: bigint;
  readonly credits: bigint;
  /** On the side on which the account grows: debits less credits of an asset or expense, else credits less debits. */
  readonly balance: bigint;
}

/** What all accounts of an asset add up to. */
export interface AssetTotals {
  readonly asset: Asset;
  readonly network: string;
  readonly debits: bigint;
  readonly credits: bigint;
}

export interface TrialBalance {
  /** In order of their codes; accounts that were never used are absent. */
  readonly accounts: readonly AccountBalance[];
  readonly totals: readonly AssetTotals[];
}

/** All that is given must hold. Times are those of recording: from inclusive, to exclusive. */
export interface EntryFilter {
  readonly account?: string | undefined;
  readonly subject?: string | undefined;
  readonly operationId?: string | undefined;
  readonly wallet?: string | undefined;
  readonly event?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

export interface LedgerEntry {
  readonly id: bigint;
  readonly debit: string;
  readonly credit: string;
  readonly amount: bigint;
  readonly asset: Asset;
  readonly network: string;
  readonly subject: string;
  readonly event: string;
  readonly round: number;
  readonly leg: number;
  readonly operationId: string | null;
  readonly wallet: string | null;
  readonly eventAt: Date;
  readonly recordedAt: Date;
}

export interface EntryPage {
  readonly order: 'newest' | 'oldest';
  /** Id of the last entry that was seen, in the same order. */
  readonly after?: bigint | undefined;
  readonly limit: number;
}

export interface EntriesPage {
  readonly entries: readonly LedgerEntry[];
  readonly hasMore: boolean;
}

export interface EntryTotals extends Omit<AssetTotals, 'debits' | 'credits'> {
  readonly entries: number;
  readonly amount: bigint;
}

/** Reads the books. The parts of one answer are of one moment. */
export interface LedgerQueries {
  trialBalance(moment?: Moment): Promise<TrialBalance>;
  /** Undefined when no entry ever named the account. */
  balanceOf(code: string, moment?: Moment): Promise<AccountBalance | undefined>;
  entries(filter: EntryFilter, page: EntryPage): Promise<EntriesPage>;
  /** Count and sum of everything the filter matches, by asset. */
  totals(filter: EntryFilter): Promise<readonly EntryTotals[]>;
}

/** Nest's injection token of the LedgerQueries. */
export const LEDGER_QUERIES = Symbol('LedgerQueries');

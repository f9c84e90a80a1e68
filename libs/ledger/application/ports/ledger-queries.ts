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
  /** In order of their codes, with those that are level; accounts that were never used are absent. */
  readonly accounts: readonly AccountBalance[];
  readonly totals: readonly AssetTotals[];
}

/** Adds up the books. The parts of one answer are of one moment. */
export interface LedgerQueries {
  trialBalance(moment?: Moment): Promise<TrialBalance>;
  /** Undefined when no entry ever named the account. */
  balanceOf(code: string, moment?: Moment): Promise<AccountBalance | undefined>;
  /** Of every account that an entry ever named. */
  accountCodes(): Promise<readonly string[]>;
}

/** Nest's injection token of the LedgerQueries. */
export const LEDGER_QUERIES = Symbol('LedgerQueries');

/** One row of the journal: `amount` moved from the credit account to the debit account. */
export interface JournalEntry {
  readonly id: string;
  readonly debit_account: string;
  readonly credit_account: string;
  /** In the smallest unit of the asset. */
  readonly amount: string;
  readonly asset: string;
  readonly network: string;
  readonly subject: string;
  readonly event: string;
  readonly round: number;
  readonly leg: number;
  readonly operation_id: string | null;
  readonly wallet: string | null;
  readonly event_at: string;
  readonly recorded_at: string;
}

export interface EntryFilter {
  /** Code of an account on either side. */
  readonly account?: string | undefined;
  readonly subject?: string | undefined;
  readonly event?: string | undefined;
  readonly wallet?: string | undefined;
  readonly asset?: string | undefined;
  /** Recorded at or after. */
  readonly from?: Date | undefined;
  /** Recorded before. */
  readonly to?: Date | undefined;
}

/** A place in the order newest first. */
export interface EntryPlace {
  readonly recordedAt: string;
  readonly id: string;
}

export interface PageOfEntries {
  readonly entries: readonly JournalEntry[];
  readonly hasMore: boolean;
}

export interface JournalEntries {
  page(filter: EntryFilter, after: EntryPlace | undefined, limit: number): Promise<PageOfEntries>;
}

export const JOURNAL_ENTRIES = Symbol('JournalEntries');

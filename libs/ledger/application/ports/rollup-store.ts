/** The newest entry at a moment, and the newest transaction at that moment or a little later. */
export interface JournalMark {
  readonly entryId: bigint;
  readonly transactionId: bigint;
}

export interface RollupStore {
  /** Null when everything that can be seen is folded. */
  mark(): Promise<JournalMark | null>;
  /** Whether all transactions up to the mark's have ended, so that no entry can still appear up to its entry. */
  isComplete(mark: JournalMark): Promise<boolean>;
  /** Adds at most `maxEntries` ids behind what is folded, none after `upTo`; false when nothing was left or another worker folds. */
  fold(upTo: bigint, maxEntries: number): Promise<boolean>;
}

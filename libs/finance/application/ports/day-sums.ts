/** The daily sums that reports read instead of the journal. */
export interface DaySums {
  /** Adds at most `maxEntries` entries behind what is folded; false when nothing is left or another worker folds. */
  fold(maxEntries: number): Promise<boolean>;
}

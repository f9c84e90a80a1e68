/** The upkeep of what is written down about executions. Several processes may do it at once. */
export interface ExecutionLog {
  /** Makes the partitions of the coming months; answers the names of the new ones. */
  makePartitions(monthsAhead: number): Promise<readonly string[]>;
  /** Drops the partitions that have been over for so many whole months; answers their names. */
  dropPartitions(monthsKept: number): Promise<readonly string[]>;
  /** Cuts the outputs of commands that ended that long ago to head and tail; answers how many, at most `limit`. */
  trim(olderThanMs: number, limit: number): Promise<number>;
}

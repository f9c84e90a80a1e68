/** What the reaper tells operators. */
export interface ReaperLog {
  info(message: string): void;
  /** Something failed and is tried again. */
  problem(message: string, error: unknown): void;
  /** Somebody must look. */
  alarm(message: string): void;
}

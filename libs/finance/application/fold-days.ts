import type { DaySums } from './ports/day-sums';

/** Brings the daily sums up to where the ledger is complete. */
export class FoldDays {
  constructor(
    private readonly sums: DaySums,
    private readonly maxEntries: number,
  ) {}

  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted && (await this.sums.fold(this.maxEntries)));
  }
}

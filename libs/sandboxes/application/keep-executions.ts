import type { ExecutionLog } from './ports/execution-log';

export interface KeepExecutionsSettings {
  /** Whole outputs are kept this long after their command ended; a replay that may ask for them is over by then. */
  readonly wholeOutputMs: number;
  /** Whole months for which an execution is kept. */
  readonly months: number;
  readonly batch: number;
}

const MONTHS_AHEAD = 3;

/** Makes room for the coming months, cuts old outputs to head, tail and hash, and drops months that are over long ago. */
export class KeepExecutions {
  constructor(
    private readonly log: ExecutionLog,
    private readonly settings: KeepExecutionsSettings,
    private readonly onChange: (message: string) => void,
  ) {}

  /** @param stopping ends the work early, between two batches */
  async run(stopping: AbortSignal): Promise<void> {
    const made = await this.log.makePartitions(MONTHS_AHEAD);
    if (made.length > 0) this.onChange(`made ${made.join(', ')}`);
    const dropped = await this.log.dropPartitions(this.settings.months);
    if (dropped.length > 0) this.onChange(`dropped ${dropped.join(', ')}`);
    const { wholeOutputMs, batch } = this.settings;
    let trimmed = batch;
    while (trimmed === batch && !stopping.aborted) trimmed = await this.log.trim(wholeOutputMs, batch);
  }
}

import { closeSha256, totalsSha256, type PeriodClose } from '../domain/period';
import { readContents, type PeriodContent } from './period-content';
import type { PeriodStore } from './ports/period-store';

export interface PeriodVerdict {
  readonly close: PeriodClose;
  /** What does not fit; empty when the close holds. */
  readonly problems: readonly string[];
}

export interface PeriodsVerdict {
  readonly holds: boolean;
  readonly periods: readonly PeriodVerdict[];
}

/** Reads the whole journal again and compares every close, superseded ones as well, with what is there. */
export class VerifyPeriods {
  constructor(private readonly store: PeriodStore) {}

  async run(): Promise<PeriodsVerdict> {
    const closes = await this.store.closes();
    const contents = await readContents(this.store, closes, 'whole journal');
    const periods = closes.map((close, index) => ({ close, problems: problemsOf(close, closes[index - 1], contents[index]) }));
    return { holds: periods.every(({ problems }) => problems.length === 0), periods };
  }
}

function problemsOf(close: PeriodClose, before: PeriodClose | undefined, content: PeriodContent | undefined): string[] {
  const problems: string[] = [];
  const check = (holds: boolean, problem: string): void => {
    if (!holds) problems.push(problem);
  };
  check(close.seq === (before?.seq ?? 0) + 1, 'a close before this one is missing');
  check(close.previousSha256 === (before?.sha256 ?? ''), 'it does not name the hash of the close before');
  check(close.sha256 === closeSha256(close), 'its hash is not that of what it says');
  check(close.totalsSha256 === totalsSha256(close.totals), 'its totals were changed');
  check(close.entries === content?.entries, `it had ${close.entries} entries, the journal has ${content?.entries ?? 0n}`);
  check(close.contentSha256 === content?.contentSha256, 'the hash of its entries is another one');
  check(content !== undefined && close.totalsSha256 === totalsSha256(content.totals), 'its entries add up to other totals');
  return problems;
}

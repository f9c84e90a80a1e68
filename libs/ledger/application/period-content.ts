import { contentSha256, sortTotals, type PeriodTotal } from '../domain/period';
import type { PeriodStore, TimeRange } from './ports/period-store';

export interface PeriodContent {
  readonly entries: bigint;
  readonly contentSha256: string;
  readonly totals: readonly PeriodTotal[];
}

/** Adds up and hashes the entries of the ranges in one pass over the journal, a block at a time. */
export async function readContents(
  store: PeriodStore,
  ranges: readonly TimeRange[],
  scope: 'ranges' | 'whole journal',
): Promise<PeriodContent[]> {
  const sums = ranges.map(() => ({ entries: 0n, contentSha256: '', totals: new Map<string, PeriodTotal>() }));
  for await (const blocks of store.blocks(ranges, scope)) {
    for (const { range, entries, sha256, moves } of blocks) {
      const sum = sums[range];
      if (sum === undefined) throw new Error(`the store told of range ${range}, which was not asked for`);
      sum.entries += entries;
      sum.contentSha256 = contentSha256(sum.contentSha256, sha256);
      for (const { debit, credit, amount } of moves) {
        add(sum.totals, { account: debit, debits: amount, credits: 0n });
        add(sum.totals, { account: credit, debits: 0n, credits: amount });
      }
    }
  }
  return sums.map((sum) => ({ ...sum, totals: sortTotals([...sum.totals.values()]) }));
}

function add(totals: Map<string, PeriodTotal>, { account, debits, credits }: PeriodTotal): void {
  const before = totals.get(account) ?? { account, debits: 0n, credits: 0n };
  totals.set(account, { account, debits: before.debits + debits, credits: before.credits + credits });
}

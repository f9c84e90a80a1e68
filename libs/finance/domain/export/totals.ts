import type { ExportDataset, ExportRow } from './dataset';

/** Rows and sums of one value of the dataset's `totalsBy` columns. */
export interface ExportTotal {
  readonly by: Readonly<Record<string, string>>;
  readonly rows: number;
  readonly sums: Readonly<Record<string, string>>;
}

interface Running {
  readonly by: readonly string[];
  rows: number;
  readonly sums: bigint[];
}

/** Adds up rows as they pass, so that the totals are of exactly what was sent. */
export class RunningTotals {
  private readonly groups = new Map<string, Running>();
  private readonly keyIndexes: readonly number[];
  private readonly sumIndexes: readonly number[];

  constructor(private readonly dataset: ExportDataset) {
    const names = dataset.columns.map(({ name }) => name);
    this.keyIndexes = dataset.totalsBy.map((name) => names.indexOf(name));
    this.sumIndexes = dataset.summed.map((name) => names.indexOf(name));
  }

  add(row: ExportRow): void {
    const by = this.keyIndexes.map((index) => row[index] ?? '');
    const key = by.join('\0');
    const group = this.groups.get(key) ?? { by, rows: 0, sums: this.sumIndexes.map(() => 0n) };
    this.groups.set(key, group);
    group.rows += 1;
    this.sumIndexes.forEach((column, index) => {
      group.sums[index] = (group.sums[index] ?? 0n) + BigInt(row[column] ?? 0);
    });
  }

  /** In the order of their keys. */
  totals(): ExportTotal[] {
    return [...this.groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { by, rows, sums }]) => ({
        by: Object.fromEntries(this.dataset.totalsBy.map((name, index) => [name, by[index] ?? ''])),
        rows,
        sums: Object.fromEntries(this.dataset.summed.map((name, index) => [name, (sums[index] ?? 0n).toString()])),
      }));
  }
}

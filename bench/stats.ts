/** Nearest-rank quantile of values in ascending order; NaN of none. With fewer than 100 values, p99 is the largest. */
export function quantile(ascending: readonly number[], q: number): number {
  if (ascending.length === 0) return Number.NaN;
  const rank = Math.max(1, Math.ceil(q * ascending.length));
  return ascending[rank - 1]!;
}

export interface LatencySummary {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function summarize(latenciesMs: readonly number[]): LatencySummary {
  const ascending = [...latenciesMs].sort((one, other) => one - other);
  return { p50Ms: quantile(ascending, 0.5), p99Ms: quantile(ascending, 0.99) };
}

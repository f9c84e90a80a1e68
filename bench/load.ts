/** One call, checked: it rejects when its answer is not the one that was asked for. */
export type Call = () => Promise<void>;

export interface LoadLimits {
  readonly concurrency: number;
  /** No further call starts after this time. */
  readonly maxMs: number;
  /** Aborted: no further call starts, and the run rejects with its reason. */
  readonly signal: AbortSignal;
}

export interface LoadResult {
  readonly latenciesMs: readonly number[];
  /** From the first start to the last end. */
  readonly elapsedMs: number;
}

/**
 * A closed loop: `concurrency` callers, each starts its next call when the one before has ended. Every caller makes at
 * least one call. The first call that fails ends the run after the calls that are under way.
 */
export async function runLoad(calls: readonly Call[], { concurrency, maxMs, signal }: LoadLimits): Promise<LoadResult> {
  const latenciesMs: number[] = [];
  const failures: unknown[] = [];
  const startedAt = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let isFirst = true; isFirst || performance.now() - startedAt < maxMs; isFirst = false) {
      const call = calls[next++];
      if (call === undefined || failures.length > 0 || signal.aborted) return;
      const callStartedAt = performance.now();
      try {
        await call();
      } catch (error) {
        failures.push(error);
        return;
      }
      latenciesMs.push(performance.now() - callStartedAt);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const elapsedMs = performance.now() - startedAt;
  if (failures.length > 0) throw failures[0];
  signal.throwIfAborted();
  return { latenciesMs, elapsedMs };
}

/** What became of a call that its caller no longer waits for. */
export type LateOutcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/**
 * Waits for the work until the signal is aborted, then rejects with what `timeout` makes. The work itself goes on, because
 * a provider's calls cannot be cancelled, and `onLate` is told its outcome.
 */
export async function untilAborted<T>(
  signal: AbortSignal,
  timeout: () => Error,
  work: () => Promise<T>,
  onLate?: (outcome: LateOutcome<T>) => void,
): Promise<T> {
  if (signal.aborted) throw timeout();
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(timeout());
    signal.addEventListener('abort', onAbort, { once: true });
  });
  const running = work();
  void running.then(
    (value) => signal.aborted && onLate?.({ ok: true, value }),
    (error: unknown) => signal.aborted && onLate?.({ ok: false, error }),
  );
  try {
    return await Promise.race([running, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

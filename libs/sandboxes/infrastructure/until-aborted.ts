/** What became of a call that its caller no longer waits for. */
export type LateOutcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/**
 * Waits for the work until the signal is aborted, then rejects with what `timeout` makes. The work itself goes on, because
 * a provider's calls cannot be cancelled, and `onLate` is told its outcome.
 */
export function untilAborted<T>(
  signal: AbortSignal,
  timeout: () => Error,
  work: () => Promise<T>,
  onLate?: (outcome: LateOutcome<T>) => void,
): Promise<T> {
  if (signal.aborted) return Promise.reject(timeout());
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(timeout());
    signal.addEventListener('abort', abort, { once: true });
    work().then(
      (value) => {
        signal.removeEventListener('abort', abort);
        if (signal.aborted) onLate?.({ ok: true, value });
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abort);
        if (signal.aborted) onLate?.({ ok: false, error });
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

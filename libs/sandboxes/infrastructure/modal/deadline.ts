import { ProviderError } from '../../application/ports/provider';

/** What became of a call that its caller no longer waits for. */
export type LateOutcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

/**
 * Waits for the work until the signal is aborted, then rejects with ProviderError `timeout`. SDK calls cannot be
 * cancelled: the work goes on, and `onLate` is told its outcome.
 */
export function untilAborted<T>(
  signal: AbortSignal,
  what: string,
  work: () => Promise<T>,
  onLate?: (outcome: LateOutcome<T>) => void,
): Promise<T> {
  if (signal.aborted) return Promise.reject(timeout(what));
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(timeout(what));
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

function timeout(what: string): ProviderError {
  return new ProviderError('timeout', `Modal ${what}: no answer within the deadline`);
}

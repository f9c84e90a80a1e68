import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError } from '../../application/ports/provider';

export const deadlinePassed = (action: string): ProviderError =>
  new ProviderError('timeout', `container engine, ${action}: the deadline passed`);

/** @throws ProviderError `timeout` when the caller's deadline has passed. */
export function checkDeadline(signal: AbortSignal, action: string): void {
  if (signal.aborted) throw deadlinePassed(action);
}

/** The work's outcome, or ProviderError `timeout` as soon as the signal aborts; the work itself goes on. */
export async function withinDeadline<T>(work: Promise<T>, signal: AbortSignal, action: string): Promise<T> {
  let onAbort: (() => void) | undefined;
  const passed = new Promise<never>((_, reject) => {
    onAbort = () => reject(deadlinePassed(action));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, passed]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

/** Waits; ends early, without an error, when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

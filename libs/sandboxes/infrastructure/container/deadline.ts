import { setTimeout as delay } from 'node:timers/promises';
import { ProviderError } from '../../application/ports/provider';
import { untilAborted } from '../until-aborted';

export const deadlinePassed = (action: string): ProviderError =>
  new ProviderError('timeout', `container engine, ${action}: the deadline passed`);

/** @throws ProviderError `timeout` when the caller's deadline has passed. */
export function checkDeadline(signal: AbortSignal, action: string): void {
  if (signal.aborted) throw deadlinePassed(action);
}

/** The work's outcome, or ProviderError `timeout` as soon as the signal aborts; the work itself goes on. */
export function withinDeadline<T>(work: Promise<T>, signal: AbortSignal, action: string): Promise<T> {
  void work.catch(() => undefined); // it runs already, and may fail when nobody waits for it any more
  return untilAborted(
    signal,
    () => deadlinePassed(action),
    () => work,
  );
}

/** Waits; ends early, without an error, when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

import { ProviderError } from '../../application/ports/provider';
import { untilAborted, type LateOutcome } from '../until-aborted';

/** The outcome of an SDK call, or ProviderError `timeout` as soon as the signal is aborted; the call itself goes on. */
export function withinDeadline<T>(
  signal: AbortSignal,
  what: string,
  work: () => Promise<T>,
  onLate?: (outcome: LateOutcome<T>) => void,
): Promise<T> {
  const timeout = () => new ProviderError('timeout', `Modal ${what}: no answer within the deadline`);
  return untilAborted(signal, timeout, work, onLate);
}

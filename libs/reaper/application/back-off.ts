import type { ProviderErrorKind } from '@tollbox/sandboxes/application/ports/provider';

/** First wait after each kind of failure: what passes by itself is tried sooner than what somebody has to repair. */
const BASE_MS: Readonly<Record<ProviderErrorKind, number>> = {
  gone: 500,
  not_found: 500,
  rate_limited: 2_000,
  unavailable: 1_000,
  timeout: 2_000,
  invalid: 30_000,
  setup_failed: 30_000,
  misconfigured: 30_000,
  internal: 5_000,
};
export const MAX_BACK_OFF_MS = 120_000;

export interface Failure {
  readonly kind: ProviderErrorKind;
  /** How often it has been tried, this time included. */
  readonly attempts: number;
  /** What the provider itself asks for. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * Time until the next attempt: twice as long after every failure, up to a limit, and never less than the provider asks for.
 * Half of it is chance, so that what failed together does not come back together.
 * @param chance from 0 (inclusive) to 1
 */
export function backOffMs({ kind, attempts, retryAfterMs = 0 }: Failure, chance: number): number {
  const full = Math.min(MAX_BACK_OFF_MS, BASE_MS[kind] * 2 ** Math.min(attempts - 1, 16));
  return Math.round(retryAfterMs + full / 2 + (full / 2) * chance);
}

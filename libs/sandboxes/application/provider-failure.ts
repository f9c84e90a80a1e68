import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { ProviderError } from './ports/provider';

/** What a provider's failure is called before a buyer. */
export const PROVIDER_ERRORS = ['sandbox_gone', 'provider_rate_limited', 'operation_timeout', 'provider_unavailable'] as const;

const DEFAULT_RETRY_AFTER_S = 5;

/** Whole seconds to wait, for `Retry-After`. */
function retryAfterSeconds(error: ProviderError): number {
  return error.retryAfterMs === undefined ? DEFAULT_RETRY_AFTER_S : Math.max(1, Math.ceil(error.retryAfterMs / 1_000));
}

/**
 * A provider's failure as the buyer sees it. Retryable codes let the same payment run the operation again: use it where
 * the failure means that nothing was done, or where doing it twice is the same as once.
 */
export function toBuyerError(error: unknown): unknown {
  if (!(error instanceof ProviderError)) return error;
  switch (error.kind) {
    case 'gone':
    case 'not_found':
      return new TollboxError('sandbox_gone', { cause: error });
    case 'rate_limited':
      return new TollboxError('provider_rate_limited', { cause: error, retryAfterSeconds: retryAfterSeconds(error) });
    case 'timeout':
      return new TollboxError('operation_timeout', { cause: error });
    case 'unavailable':
      return new TollboxError('provider_unavailable', { cause: error, retryAfterSeconds: retryAfterSeconds(error) });
    case 'misconfigured':
      return new TollboxError('provider_unavailable', { cause: error });
    case 'setup_failed': // only a create builds, and tells it by itself
    case 'invalid':
    case 'internal':
      return new TollboxError('internal', { cause: error });
  }
}

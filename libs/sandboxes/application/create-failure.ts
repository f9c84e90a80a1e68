import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { ProviderError } from './ports/provider';
import { toBuyerError } from './provider-failure';

/** A provider's failure of a create as the buyer sees it: his own setup commands can fail too, and he gets their output. */
export function toCreateFailure(error: unknown): unknown {
  if (!(error instanceof ProviderError) || error.kind !== 'setup_failed') return toBuyerError(error);
  const { output } = error;
  return new TollboxError('setup_failed', { cause: error, ...(output === undefined ? {} : { details: output }) });
}

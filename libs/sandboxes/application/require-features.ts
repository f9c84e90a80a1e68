import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { ProviderFeature } from './ports/provider';
import type { ProviderCalls } from './provider-calls';

/** What a call asks for, and the feature that it needs. */
export type Wish = readonly [isWished: boolean, feature: ProviderFeature, what: string];

/**
 * Refuses, before any payment, what the provider of this installation cannot do.
 * @throws TollboxError `not_supported_here`, whose details name what cannot be done
 */
export function requireFeatures(provider: Pick<ProviderCalls, 'capabilities'>, wishes: readonly Wish[]): void {
  const { features } = provider.capabilities();
  const lacking = wishes.filter(([isWished, feature]) => isWished && !features.has(feature)).map(([, , what]) => what);
  if (lacking.length > 0) throw new TollboxError('not_supported_here', { details: lacking.join(', ') });
}

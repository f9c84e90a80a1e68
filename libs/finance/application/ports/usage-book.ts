import type { ProviderRate, Usage } from '../../domain/provider-cost';

export interface UnpricedUsage extends Usage {
  /** The operation that made the sandbox. */
  readonly operationId: string;
  readonly wallet: string | null;
}

export interface UsageBook {
  /**
   * Prices at most `limit` ended sandboxes, oldest attempt first, and books what they cost, in one transaction. One that
   * `price` answers with null is postponed. Returns how many there were, and how many of them have no price.
   */
  bookSome(
    limit: number,
    price: (usage: UnpricedUsage, rates: readonly ProviderRate[]) => bigint | null,
  ): Promise<{ readonly seen: number; readonly unpriced: number }>;
}

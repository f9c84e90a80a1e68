import type { PriceAttributes } from '@tollbox/platform/operations/operation';
import type { PriceBook, PriceTerms } from '@tollbox/platform/operations/price-book';
import { maxTimeoutSeconds, type PaymentPayload } from '../domain/authorization';
import type { Hex, Network } from '../domain/networks';
import { quoteFrom, quotePaidBy, variationOf, type Quote, type VersionedPriceList } from '../domain/pricing';
import type { Terms } from '../domain/terms';
import type { PriceListStore } from './ports/price-list-store';

export interface QuoteRequest {
  readonly operation: string;
  readonly attributes: PriceAttributes;
  readonly deadlineMs: number;
  readonly resourceUrl: string;
}

export interface PriceListOptions {
  readonly network: Network;
  readonly payTo: Hex;
  /** How long a list is honoured after another one took its place. */
  readonly graceS: number;
}

/** Other lists are read at most this often: only an amount that is not the current price asks for them. */
const EARLIER_LISTS_TTL_MS = 1_000;

/** What each call costs: one quoted price per operation and body, under the list that this process was started with. */
export class PriceList implements PriceBook {
  private earlier: { readonly readAtMs: number; readonly lists: readonly VersionedPriceList[] } | null = null;

  constructor(
    private readonly current: VersionedPriceList,
    private readonly store: PriceListStore,
    private readonly options: PriceListOptions,
  ) {}

  quote(request: QuoteRequest): Terms {
    return this.termsOf(request, this.quoteToday(request.operation, request.attributes));
  }

  /**
   * The terms that a payment was signed for: those of an earlier list while that one is honoured, since buyers keep
   * quotes for up to an hour; otherwise today's.
   */
  async termsSignedFor(request: QuoteRequest, payload: PaymentPayload): Promise<Terms> {
    const current = this.quoteToday(request.operation, request.attributes);
    const signed = { x402Version: payload.x402Version, valueAtomic: payload.authorization.valueAtomic };
    if (current.totalAtomic === signed.valueAtomic) return this.termsOf(request, current);
    const lists = await this.earlierLists();
    // An earlier list may lack an operation, or a GPU, that is sold now.
    const quotes = lists.flatMap((list) => quoteFrom(list, request.operation, request.attributes) ?? []);
    return this.termsOf(request, quotePaidBy(current, quotes, signed) ?? current);
  }

  /** For documentation: a call may be quoted a longer window when its deadline asks for it. */
  termsFor(operationName: string): PriceTerms {
    const { network, payTo } = this.options;
    const { totalAtomic, feeAtomic } = this.quoteToday(operationName, {});
    return {
      amountAtomic: totalAtomic,
      feeAtomic,
      variation: variationOf(this.current, operationName),
      network: network.caip2,
      asset: network.usdc,
      payTo,
      maxTimeoutSeconds: maxTimeoutSeconds(0),
      extra: { ...network.usdcDomain },
    };
  }

  private quoteToday(operation: string, attributes: PriceAttributes): Quote {
    const quote = quoteFrom(this.current, operation, attributes);
    if (quote === null) throw new Error(`the price list has no price for ${operation} ${JSON.stringify(attributes.gpu ?? '')}`);
    return quote;
  }

  private termsOf(request: QuoteRequest, quote: Quote): Terms {
    return {
      operation: request.operation,
      network: this.options.network,
      payTo: this.options.payTo,
      priceAtomic: quote.totalAtomic,
      feeAtomic: quote.feeAtomic,
      priceListVersion: quote.priceListVersion,
      maxTimeoutSeconds: maxTimeoutSeconds(request.deadlineMs),
      resourceUrl: request.resourceUrl,
      description: request.operation.replace('.', ' '),
    };
  }

  private async earlierLists(): Promise<readonly VersionedPriceList[]> {
    const nowMs = Date.now();
    if (this.earlier === null || nowMs - this.earlier.readAtMs >= EARLIER_LISTS_TTL_MS) {
      const lists = await this.store.recentlyCurrent(this.options.graceS);
      this.earlier = { readAtMs: nowMs, lists: lists.filter((list) => list.version !== this.current.version) };
    }
    return this.earlier.lists;
  }
}

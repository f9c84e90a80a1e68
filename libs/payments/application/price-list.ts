import type { Config } from '@tollbox/platform/config/config';
import type { PriceBook, PriceTerms } from '@tollbox/platform/operations/price-book';
import { maxTimeoutSeconds } from '../domain/authorization';
import type { Network } from '../domain/networks';
import type { Terms } from '../domain/terms';

export interface QuoteRequest {
  readonly operation: string;
  readonly deadlineMs: number;
  readonly resourceUrl: string;
}

/** What each operation costs. One flat price per operation. */
export class PriceList implements PriceBook {
  private readonly priceAtomic: ReadonlyMap<string, bigint>;

  constructor(
    private readonly config: Pick<
      Config,
      'PAY_TO' | 'PRICE_CREATE_ATOMIC' | 'PRICE_EXEC_ATOMIC' | 'PRICE_STATUS_ATOMIC' | 'PRICE_TERMINATE_ATOMIC'
    >,
    private readonly network: Network,
  ) {
    this.priceAtomic = new Map([
      ['sandbox.create', config.PRICE_CREATE_ATOMIC],
      ['sandbox.exec', config.PRICE_EXEC_ATOMIC],
      ['sandbox.status', config.PRICE_STATUS_ATOMIC],
      ['sandbox.terminate', config.PRICE_TERMINATE_ATOMIC],
    ]);
  }

  quote(request: QuoteRequest): Terms {
    return {
      operation: request.operation,
      network: this.network,
      payTo: this.config.PAY_TO,
      priceAtomic: this.priceOf(request.operation),
      maxTimeoutSeconds: maxTimeoutSeconds(request.deadlineMs),
      resourceUrl: request.resourceUrl,
      description: request.operation.replace('.', ' '),
    };
  }

  /** For documentation: a call may be quoted a longer window when its deadline asks for it. */
  termsFor(operationName: string): PriceTerms {
    return {
      amountAtomic: this.priceOf(operationName),
      network: this.network.caip2,
      asset: this.network.usdc,
      payTo: this.config.PAY_TO,
      maxTimeoutSeconds: maxTimeoutSeconds(0),
      extra: { ...this.network.usdcDomain },
    };
  }

  private priceOf(operation: string): bigint {
    const price = this.priceAtomic.get(operation);
    if (price === undefined) throw new Error(`the price list has no price for ${operation}`);
    return price;
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { CONFIG, type Config } from '../config/config';
import { publicBaseUrl, type CalledUnder } from '../http/public-url';
import { OperationRegistry, type Operation } from '../operations/operation';
import { PRICE_BOOK, type PriceBook, type PriceTerms } from '../operations/price-book';
import { priceStatement, type PriceStatement } from './price-statement';
import { listRoutes, type InventoryRoute } from '../routes/route-inventory';

/** A route that costs something, with what it sells and for how much. */
export interface PricedItem {
  readonly method: string;
  readonly path: string;
  /** Absolute URL. */
  readonly url: string;
  readonly summary: string;
  readonly operation: Operation;
  readonly terms: PriceTerms;
  readonly price: PriceStatement;
}

/** What the running application offers: its routes, operations and prices, read when asked. */
@Injectable()
export class ApiCatalog {
  private inventory: readonly InventoryRoute[] | undefined;

  constructor(
    @Inject(CONFIG) readonly config: Config,
    @Inject(PRICE_BOOK) readonly prices: PriceBook,
    readonly operations: OperationRegistry,
    private readonly modules: ModulesContainer,
  ) {}

  baseUrl(request: CalledUnder): string {
    return publicBaseUrl(this.config, request);
  }

  /** Every route. Controllers do not change after start, so they are walked once. */
  routes(): readonly InventoryRoute[] {
    this.inventory ??= listRoutes(this.modules);
    return this.inventory;
  }

  pricedItems(baseUrl: string): PricedItem[] {
    return this.routes().flatMap(({ method, path, declaration }) => {
      if (declaration?.kind !== 'priced') return [];
      const operation = this.operations.get(declaration.operation);
      const terms = this.prices.termsFor(declaration.operation);
      const price = this.priceOf(declaration.operation);
      const template = path.replace(/:([A-Za-z0-9_]+)/g, '{$1}');
      return [{ method, path: template, url: `${baseUrl}${template}`, summary: declaration.summary, operation, terms, price }];
    });
  }

  priceOf(name: string): PriceStatement {
    return priceStatement({ terms: this.prices.termsFor(name), operation: this.operations.get(name) }, this.config);
  }
}

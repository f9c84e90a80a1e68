import { jsonSchema } from './openapi';
import type { PricedItem } from './api-catalog';

/** The x402 v2 requirement of an operation's least price; `price` says what else it may cost. */
function requirement({ terms }: PricedItem) {
  return {
    scheme: 'exact',
    network: terms.network,
    amount: terms.amountAtomic.toString(),
    asset: terms.asset,
    payTo: terms.payTo,
    maxTimeoutSeconds: terms.maxTimeoutSeconds,
    extra: { ...terms.extra },
  };
}

/** The document at /.well-known/x402: which URLs cost something, and on what terms. */
export function buildDiscovery(items: readonly PricedItem[], baseUrl: string) {
  return {
    version: 1,
    x402Versions: [1, 2],
    resources: [...new Set(items.map(({ url }) => url))],
    items: items.map((item) => ({
      resource: item.url,
      type: 'http',
      method: item.method,
      description: item.summary,
      mimeType: 'application/json',
      accepts: [requirement(item)],
      price: {
        currency: 'USD',
        least_atomic: item.price.leastAtomic.toString(),
        most_atomic: item.price.mostAtomic?.toString() ?? null,
        text: item.price.rule === '' ? item.price.short : item.price.rule,
      },
      input: jsonSchema(item.operation.body, 'input'),
      output: jsonSchema(item.operation.answer, 'output'),
    })),
    instructions: `${baseUrl}/llms.txt`,
    openapi: `${baseUrl}/openapi.json`,
  };
}

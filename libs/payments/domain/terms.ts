import type { Hex, Network } from './networks';
import { PAYMENT_IDENTIFIER, PAYMENT_IDENTIFIER_OFFER } from './payment-identifier';

/** What one call costs and how to pay it. */
export interface Terms {
  readonly operation: string;
  readonly network: Network;
  readonly payTo: Hex;
  /** What is signed: the base price and the fee. */
  readonly priceAtomic: bigint;
  /** Transaction fee within the price. */
  readonly feeAtomic: bigint;
  /** Version of the price list that the price is from. */
  readonly priceListVersion: number;
  readonly maxTimeoutSeconds: number;
  /** Absolute URL of the priced resource. */
  readonly resourceUrl: string;
  readonly description: string;
}

export const USDC_DECIMALS = 6;
const JSON_MIME_TYPE = 'application/json';

/** Atomic units as dollars: at least four decimals, as BlockRun prints prices, and never rounded. */
export function formatUsd(amountAtomic: bigint): string {
  const digits = amountAtomic.toString().padStart(USDC_DECIMALS + 1, '0');
  const whole = digits.slice(0, -USDC_DECIMALS);
  const fraction = digits.slice(-USDC_DECIMALS).replace(/0{1,2}$/, '');
  return `${whole}.${fraction}`;
}

function requirement(terms: Terms) {
  return {
    scheme: 'exact' as const,
    payTo: terms.payTo,
    asset: terms.network.usdc,
    maxTimeoutSeconds: terms.maxTimeoutSeconds,
    extra: { ...terms.network.usdcDomain },
  };
}

/** The x402 v2 `PaymentRequired` object: what the PAYMENT-REQUIRED header carries. */
export function paymentRequiredV2(terms: Terms, error: string) {
  return {
    x402Version: 2 as const,
    error,
    resource: { url: terms.resourceUrl, description: terms.description, mimeType: JSON_MIME_TYPE },
    accepts: [{ ...requirement(terms), network: terms.network.caip2, amount: terms.priceAtomic.toString() }],
    extensions: { [PAYMENT_IDENTIFIER]: PAYMENT_IDENTIFIER_OFFER },
  };
}

/** The x402 v1 answer, which lives in the 402 body. v1 buyers refuse a `null` outputSchema, so there is none. */
export function paymentRequiredV1(terms: Terms, error: string) {
  return {
    x402Version: 1 as const,
    error,
    // As BlockRun has it: the base price, while `accepts` asks for base and fee.
    price: { amount: formatUsd(terms.priceAtomic - terms.feeAtomic), currency: 'USD' },
    accepts: [
      {
        ...requirement(terms),
        network: terms.network.name,
        maxAmountRequired: terms.priceAtomic.toString(),
        resource: terms.resourceUrl,
        description: terms.description,
        mimeType: JSON_MIME_TYPE,
      },
    ],
  };
}

export function encodeHeader(value: unknown): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('base64');
}

export interface Receipt {
  readonly success: boolean;
  /** Transaction hash, or empty when no money moved. */
  readonly transaction: string;
  readonly payer: Hex;
  readonly errorReason?: string;
}

/** The receipt object of PAYMENT-RESPONSE and X-PAYMENT-RESPONSE; the network is named as the buyer's version names it. */
export function receiptFor(version: 1 | 2, network: Network, receipt: Receipt) {
  return { ...receipt, network: version === 1 ? network.name : network.caip2 };
}

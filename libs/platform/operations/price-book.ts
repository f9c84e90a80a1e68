/** A price of a class of hardware, without the transaction fee. */
export interface PriceTier {
  /** Up to the included lifetime. */
  readonly atomic: bigint;
  readonly perHourAtomic: bigint;
}

/** What in a body moves the price: nothing, the amount that it asks for, or hardware and lifetime. */
export type PriceVariation =
  | { readonly kind: 'flat' }
  | { readonly kind: 'asked' }
  | {
      readonly kind: 'lifetime';
      readonly includedLifetimeS: number;
      readonly cpu: PriceTier;
      readonly gpu: Readonly<Record<string, PriceTier>>;
    };

/** What a call of an operation costs at least, and how it is paid: for discovery and documentation, not for charging. */
export interface PriceTerms {
  /** Least price in atomic units of the asset (USDC: 10⁻⁶), with the fee. */
  readonly amountAtomic: bigint;
  /** Transaction fee within every price of the operation. */
  readonly feeAtomic: bigint;
  readonly variation: PriceVariation;
  /** CAIP-2 name of the chain, for example `eip155:84532`. */
  readonly network: string;
  /** Address of the token. */
  readonly asset: string;
  /** Address that is paid. */
  readonly payTo: string;
  /** Longest time from signing to settlement that a buyer is asked for. */
  readonly maxTimeoutSeconds: number;
  /** EIP-712 domain of the token. */
  readonly extra: { readonly name: string; readonly version: string };
}

/** Implemented by payments; read by the documentation routes. */
export interface PriceBook {
  /** @throws Error when no operation has this name. */
  termsFor(operationName: string): PriceTerms;
}

/** Nest's injection token of the PriceBook. */
export const PRICE_BOOK = Symbol('PriceBook');

/** What a call of an operation costs at least, and how it is paid: for discovery and documentation, not for charging. */
export interface PriceTerms {
  /** Price in atomic units of the asset (USDC: 10⁻⁶). */
  readonly amountAtomic: bigint;
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

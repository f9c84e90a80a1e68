export type Hex = `0x${string}`;

export interface FeeQuote {
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
}

export interface Transfer {
  readonly to: Hex;
  readonly amountAtomic: bigint;
}

export interface SignedTransfer {
  readonly raw: Hex;
  readonly hash: Hex;
}

/** A transaction that is in a block. */
export interface MinedTransfer {
  readonly succeeded: boolean;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  readonly gasUsed: bigint;
  readonly effectiveGasPriceWei: bigint;
}

/** The wallet that refunds are paid from, and what it sees of the chain. Rejects with ChainUnavailableError only. */
export interface RefundWallet {
  readonly address: Hex;
  funds(): Promise<{ readonly usdcAtomic: bigint; readonly ethWei: bigint }>;
  fees(): Promise<FeeQuote>;
  /** Transactions of the wallet that are in blocks at least this deep; 0 is the newest block. */
  minedNonce(depth: number): Promise<bigint>;
  /** Why the token would refuse this transfer now; null when it would not. */
  refusalOf(transfer: Transfer): Promise<string | null>;
  sign(transfer: Transfer, evmNonce: bigint, gas: bigint, fees: FeeQuote): Promise<SignedTransfer>;
  /** What signed bytes offer for gas. */
  feesOf(raw: Hex): FeeQuote;
  /** Resolves also when the node has these bytes already, or their nonce is used. */
  send(raw: Hex): Promise<void>;
  /** Null when the node knows no block with this transaction. Rejects when it succeeded and did not move this money. */
  mined(hash: Hex, transfer: Transfer): Promise<MinedTransfer | null>;
  latestBlockNumber(): Promise<bigint>;
  /** Null when the node does not have this block. */
  blockHash(blockNumber: bigint): Promise<Hex | null>;
}

import { ChainUnavailableError } from '@tollbox/platform/chain/chain-unavailable';
import type { Authorization } from '../../domain/authorization';
import type { Hex } from '../../domain/networks';

export { ChainUnavailableError };

/** How sure a block is: the newest one, one that the rollup's sequencer cannot take back, one that nobody can. */
export type Confirmations = 'latest' | 'safe' | 'finalized';

/** All of it read at one block. */
export interface PayerSnapshot {
  readonly blockNumber: bigint;
  readonly blockTimestampS: bigint;
  readonly balanceAtomic: bigint;
  /** `authorizationState` of each asked nonce: used or canceled. */
  readonly used: ReadonlyMap<Hex, boolean>;
}

export interface Simulation {
  readonly kind: 'ok' | 'reverted';
  /** The token's revert text; empty when ok. */
  readonly reason: string;
}

/** Sender, gas and price of the transaction that a simulation stands for. */
export interface SimulatedSender {
  readonly from: Hex;
  readonly gasLimit: bigint;
  readonly fees: FeeQuote;
}

/** How an authorization's nonce was used up. */
export interface AuthorizationUse {
  readonly kind: 'transferred' | 'canceled';
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  /** Where the money went and how much; null when canceled. */
  readonly transfer: { readonly to: Hex; readonly valueAtomic: bigint } | null;
}

/** Money that moved by an authorization, read from the token's own events. */
export interface AuthorizedTransfer {
  readonly authorizer: Hex;
  readonly nonce: Hex;
  readonly to: Hex;
  readonly valueAtomic: bigint;
}

export interface MinedTransaction {
  readonly succeeded: boolean;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  readonly gasUsed: bigint;
  readonly effectiveGasPriceWei: bigint;
  /** What the chain took for the gas and, on a rollup, for the data. */
  readonly feeWei: bigint;
  readonly transfers: readonly AuthorizedTransfer[];
}

/** What the payment core asks of the chain. Every method rejects with ChainUnavailableError when the chain fails. */
export interface EvmChain {
  chainId(): Promise<number>;
  payerSnapshot(payer: Hex, nonces: readonly Hex[]): Promise<PayerSnapshot>;
  /** Whether the account has code; cached for a short time. */
  hasCode(account: Hex): Promise<boolean>;
  /** EIP-1271, with a gas cap. */
  isValidContractSignature(account: Hex, digest: Uint8Array, signature: Hex): Promise<boolean>;
  /** `transferWithAuthorization` as a call that looks to the payer's own code like the transaction will. */
  simulateTransfer(authorization: Authorization, signature: Hex, as: SimulatedSender): Promise<Simulation>;
  /** How the nonce was used, searched from a block on; null when no event is found. */
  findAuthorizationUse(payer: Hex, nonce: Hex, fromBlock: bigint): Promise<AuthorizationUse | null>;
  minedTransaction(hash: Hex): Promise<MinedTransaction | null>;
  blockHash(blockNumber: bigint): Promise<Hex | null>;
  latestBlockNumber(): Promise<bigint>;
  /** The newest block that the chain calls so; 0 while it calls none so. */
  blockNumberAt(tag: Confirmations): Promise<bigint>;
}

export interface FeeQuote {
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
}

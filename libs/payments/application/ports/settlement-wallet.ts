import type { Authorization } from '../../domain/authorization';
import type { Hex } from '../../domain/networks';
import type { FeeQuote, MinedTransaction } from './evm-chain';

/** An authorization with what proves it. */
export interface Transfer {
  readonly authorization: Authorization;
  readonly signature: Hex;
}

export interface SignedTransaction {
  readonly raw: Hex;
  readonly hash: Hex;
  readonly gasLimit: bigint;
  readonly fees: FeeQuote;
}

/**
 * How far the look before sending goes: `reads` asks for all that the token's rules are about, and runs the transfers only
 * when one of the answers speaks against a transfer; `execution` runs them.
 */
export type LookDepth = 'reads' | 'execution';

/** What a transfer would do if it were sent now. */
export type TransferOutlook =
  | { readonly kind: 'payable' }
  /** The authorization's nonce is used or canceled. */
  | { readonly kind: 'used' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Nonces of a key, and what gas costs, at one moment. */
export interface KeyLook {
  readonly fees: FeeQuote;
  /** The newest block that the node had. */
  readonly blockNumber: bigint;
  /** Transactions of this key in blocks. */
  readonly minedNonce: bigint;
  /** Transactions of this key in blocks and in the node's pool. */
  readonly pendingNonce: bigint;
}

export interface SimulatedBatch {
  readonly look: KeyLook;
  /** Payers that have code (EIP-7702, or a wallet was deployed since the claim): it must not run in the company of others. */
  readonly withCode: readonly Hex[];
  /**
   * What each transfer would do in one transaction with the others, in this order; null when the node cannot run them at
   * once, or when a payer has code, whose doing the refusal of the others may be.
   */
  readonly outlooks: readonly TransferOutlook[] | null;
}

/**
 * A signing key with its view of the chain. It signs, sends and looks; it never chooses a nonce. Every method rejects
 * with ChainUnavailableError when the chain fails, which never means that something did not happen.
 */
export interface SettlementWallet {
  readonly address: Hex;
  look(): Promise<KeyLook>;
  simulate(transfers: readonly Transfer[], depth: LookDepth): Promise<SimulatedBatch>;
  /** One transfer goes to the token directly, several through Multicall3 with `allowFailure`. */
  signTransfers(transfers: readonly Transfer[], evmNonce: bigint, fees: FeeQuote): Promise<SignedTransaction>;
  /** The same transaction at another price. */
  signReplacement(raw: Hex, fees: FeeQuote): Promise<SignedTransaction>;
  /** Moves nothing and only uses up a nonce. */
  signFiller(evmNonce: bigint, fees: FeeQuote): Promise<SignedTransaction>;
  /** Resolves when the node has taken the bytes, had them already, or knows that their nonce is used. */
  send(raws: readonly Hex[]): Promise<void>;
  receipts(hashes: readonly Hex[]): Promise<readonly (MinedTransaction | null)[]>;
  /** Whether the node places one of these transactions in a block, receipt or not. */
  isAnyInBlock(hashes: readonly Hex[]): Promise<boolean>;
}

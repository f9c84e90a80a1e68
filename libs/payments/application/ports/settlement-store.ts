import type { Payment } from '../../domain/payment';
import type { Hex } from '../../domain/networks';
import type { MinedTransaction, SignedTransaction } from './evm-chain';

/** The right to use a signing key. The fence rises with every change of holder. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly fence: bigint;
}

/** The lease was lost to another process: stop, touch nothing. */
export class LeaseLostError extends Error {
  constructor(name: string) {
    super(`the lease ${name} is held by another process`);
    this.name = 'LeaseLostError';
  }
}

export interface StoredTransaction {
  readonly id: string;
  readonly signer: Hex;
  readonly evmNonce: bigint;
  readonly raw: Hex;
  readonly hash: Hex;
  readonly state: 'stored' | 'sent';
  readonly ageMs: number;
}

/** Where the chain put the money of a payment. */
export interface Inclusion {
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
}

export interface SettlementStore {
  /** Takes or renews the lease; null while another process holds it. */
  acquireLease(name: string, holder: string, ttlMs: number): Promise<Lease | null>;
  releaseLease(lease: Lease): Promise<void>;

  /** Queued payments, those that expire first in front. */
  listQueued(limit: number): Promise<readonly Payment[]>;
  listUnresolvedTransactions(signer: Hex): Promise<readonly StoredTransaction[]>;
  /** Highest nonce of this key in a stored transaction that was not dropped; null when there is none. */
  highestNonce(signer: Hex): Promise<bigint | null>;
  paymentsOf(settlementTransactionId: string): Promise<readonly Payment[]>;

  /**
   * Stores the signed bytes and moves their payment queued → broadcast, in one transaction that first proves the lease.
   * Rejects LeaseLostError, or resolves null when the payment was not queued any more.
   */
  storeTransaction(
    lease: Lease,
    paymentId: string,
    transaction: SignedTransaction & { signer: Hex; evmNonce: bigint },
  ): Promise<StoredTransaction | null>;
  markSent(transactionId: string): Promise<void>;
  /** The transaction is in a block. */
  markMined(transactionId: string, mined: MinedTransaction): Promise<void>;
  /** The nonce of the transaction was used by another one: it can never be mined. */
  markDropped(transactionId: string): Promise<void>;

  /** queued | broadcast | unknown → settled. */
  settle(payment: Payment, inclusion: Inclusion): Promise<boolean>;
  /** queued | broadcast | unknown → failed. */
  fail(payment: Payment, reason: string): Promise<boolean>;
  /** queued | broadcast | unknown | settled → expired. */
  expire(payment: Payment, reason: string): Promise<boolean>;
  /** broadcast → unknown. */
  markUnknown(payment: Payment): Promise<boolean>;
  /** broadcast | unknown | settled → queued. */
  requeue(payment: Payment, reason: string): Promise<boolean>;
  /** Mined transactions of the newest blocks, whose block may still be replaced; newest first. */
  listMinedSince(blockNumber: bigint, limit: number): Promise<readonly MinedRecord[]>;
  /** Settled payments of the newest blocks whose transaction was somebody else's; newest first. */
  listSettledByOthersSince(
    blockNumber: bigint,
    limit: number,
  ): Promise<readonly (Payment & { blockNumber: bigint; blockHash: Hex })[]>;
  /**
   * The block of a mined transaction is lost: the transaction is on its way again, and so are its settled payments
   * (settled → queued → broadcast), without new bytes.
   */
  reopenTransaction(record: MinedRecord): Promise<void>;
}

/** A transaction that was seen in a block. */
export interface MinedRecord {
  readonly id: string;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
}

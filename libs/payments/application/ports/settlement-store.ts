import type { Payment } from '../../domain/payment';
import type { Hex } from '../../domain/networks';
import type { MinedTransaction } from './evm-chain';
import type { SignedTransaction } from './settlement-wallet';

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

export interface QueuedPayment extends Payment {
  readonly queuedForMs: number;
}

/** Which queued payments to look at first. */
export type QueueOrder = 'waiting_payers_first' | 'deadline_first';

export interface QueueSelection {
  readonly limit: number;
  readonly order: QueueOrder;
  /** Payments that are left where they are for now. */
  readonly except: readonly string[];
}

/** Signed bytes as they are stored. A batch has one under each price that it was sent at. */
export interface StoredBytes {
  readonly id: string;
  readonly raw: Hex;
  readonly hash: Hex;
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
  readonly ageMs: number;
}

/** Payments that share one nonce of a signing key, with all bytes that were ever signed for it, the oldest first. */
export interface StoredBatch {
  readonly id: string;
  readonly signer: Hex;
  readonly evmNonce: bigint;
  readonly paymentCount: number;
  readonly bytes: readonly StoredBytes[];
}

export interface SignedBatch extends SignedTransaction {
  readonly evmNonce: bigint;
  /** It carries one payment of a wallet with code. */
  readonly runsPayerCode: boolean;
}

/** Stores bytes under the lease for payments that `takeQueued` holds, and moves them queued → broadcast. */
export type StoreBatch = (
  lease: Lease,
  signer: Hex,
  payments: readonly Payment[],
  /** Gets the lowest nonce that no stored transaction of the key has. */
  sign: (freeNonce: bigint) => Promise<SignedBatch>,
) => Promise<StoredBatch>;

/** Where the chain put the money of a payment. */
export interface Inclusion {
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
}

/** What the chain says of a payment. */
export type Verdict = { readonly payment: Payment } & (
  | { readonly to: 'settled'; readonly inclusion: Inclusion }
  | { readonly to: 'failed' | 'expired'; readonly reason: string }
  | { readonly to: 'unknown' }
  /** Back to the queue, as its next round. */
  | { readonly to: 'queued'; readonly reason: string }
);

/** A transaction that was seen in a block. */
export interface MinedRecord {
  readonly id: string;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
}

/** Every method is one transaction; a change of state appends its event and its postings, and wakes who waits. */
export interface SettlementStore {
  /** Takes or renews the lease; null while another process holds it. */
  acquireLease(name: string, holder: string, ttlMs: number): Promise<Lease | null>;
  releaseLease(lease: Lease): Promise<void>;

  /**
   * Locks queued payments for the time of `work`: other settlers pass them by. None while settlement is paused.
   * `work` may store one batch of them.
   */
  takeQueued<T>(
    selection: QueueSelection,
    work: (payments: readonly QueuedPayment[], storeBatch: StoreBatch) => Promise<T>,
  ): Promise<T>;
  /** Bytes for a nonce below the stored ones that no transaction has. Rejects LeaseLostError. */
  storeFiller(lease: Lease, signer: Hex, filler: SignedTransaction & { readonly evmNonce: bigint }): Promise<StoredBatch>;
  /** Other bytes for the same nonce. Rejects LeaseLostError; null when the batch has ended. */
  storeReplacement(lease: Lease, batch: StoredBatch, bytes: SignedTransaction): Promise<StoredBytes | null>;
  markSent(bytesIds: readonly string[]): Promise<void>;

  listOpen(signer: Hex): Promise<readonly StoredBatch[]>;
  /** Payments that still are in this batch and have no end. */
  openPaymentsOf(batchId: string): Promise<readonly Payment[]>;
  /** Whether a transaction of this key with this nonce is stored and not dropped. */
  hasLiveNonce(signer: Hex, evmNonce: bigint): Promise<boolean>;

  /** Verdicts whose payment has not changed since it was read; returns how many. */
  decide(verdicts: readonly Verdict[]): Promise<number>;
  /**
   * These bytes of the batch are in a block: ends the batch, decides its payments and books the gas, all or nothing.
   * False when a payment has changed since it was read, one of the batch would stay open, or the batch has ended already.
   */
  conclude(batchId: string, hash: Hex, mined: MinedTransaction, verdicts: readonly Verdict[]): Promise<boolean>;
  /** The nonce was used by another transaction: ends the batch without a block. All or nothing, as `conclude`. */
  drop(batchId: string, verdicts: readonly Verdict[]): Promise<boolean>;
  /** Batches that were dropped within this time, and those by whose hash a payment is settled all the same. */
  listDropped(signer: Hex, withinMs: number): Promise<readonly StoredBatch[]>;

  /** Mined transactions of the newest blocks, whose block may still be replaced; newest first. */
  listMinedSince(blockNumber: bigint, limit: number): Promise<readonly MinedRecord[]>;
  /** Settled payments of the newest blocks whose transaction was somebody else's; newest first. */
  listSettledByOthersSince(
    blockNumber: bigint,
    limit: number,
  ): Promise<readonly (Payment & { blockNumber: bigint; blockHash: Hex })[]>;
  /**
   * The block of a mined transaction is lost: the batch is on its way again, and so are its settled payments
   * (settled → queued → broadcast, the next round), with the bytes it has. Its gas is unbooked.
   */
  reopenTransaction(record: MinedRecord): Promise<void>;
}

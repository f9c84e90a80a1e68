import type { HeldLease } from '@tollbox/platform/database/leases';
import type { Refund } from '../../domain/refund';
import type { Hex, MinedTransfer, SignedTransfer } from './refund-wallet';

/** Signed bytes that pay a refund. Those of one payout share a nonce, so at most one of them is ever mined. */
export interface PayoutBytes {
  readonly transactionId: string;
  readonly state: 'stored' | 'sent' | 'succeeded' | 'reverted' | 'replaced';
  readonly raw: Hex;
  readonly hash: Hex;
  /** Since they were stored, and sent. */
  readonly ageMs: number;
  readonly sentAgeMs: number | null;
}

/** A refund with the bytes that were signed to pay it, one under each price. */
export interface Payout {
  readonly refund: Refund;
  readonly evmNonce: bigint;
  /** The oldest first; never empty. */
  readonly bytes: readonly PayoutBytes[];
  /** Since its nonce was first seen used by another transaction; null when it was not. */
  readonly displacedMs: number | null;
  readonly blockNumber: bigint | null;
  readonly blockHash: Hex | null;
}

export function newestOf(payout: Payout): PayoutBytes {
  const newest = payout.bytes.at(-1);
  if (newest === undefined) throw new Error(`refund ${payout.refund.id} has a payout without bytes`);
  return newest;
}

/** This process does not hold the lease any more. */
export class LeaseLostError extends Error {
  constructor(name: string) {
    super(`the lease ${name} is lost`);
    this.name = 'LeaseLostError';
  }
}

/** Every method is one transaction. State changes are compare-and-set and append an event. */
export interface PayoutStore {
  acquireLease(name: string, holder: string, ttlMs: number): Promise<HeldLease | null>;
  releaseLease(lease: HeldLease): Promise<void>;
  /** Queued refunds of at most this amount whose next try is due, oldest first. */
  queued(maxAtomic: bigint, limit: number): Promise<readonly Refund[]>;
  /** Says of all queued refunds above this amount that the float is too small for them. Returns how many. */
  noteTooLarge(aboveAtomic: bigint): Promise<number>;
  /** Says why a refund is not sent yet, and when it is tried again. */
  noteWaiting(refundId: string, reason: string, retryMs: number): Promise<void>;
  /** One above the highest nonce that is stored for a live transaction of the wallet; 0 when there is none. */
  nextStoredNonce(signer: Hex): Promise<bigint>;
  /**
   * queued → broadcast with the signed bytes, under proof of the lease. Null when the refund is not queued any more.
   * @throws LeaseLostError
   */
  storePayout(lease: HeldLease, refund: Refund, signer: Hex, evmNonce: bigint, signed: SignedTransfer): Promise<Payout | null>;
  /**
   * The same payment with the same nonce at another price, under proof of the lease. Null when the payout has ended.
   * @throws LeaseLostError
   */
  storeReplacement(lease: HeldLease, payout: Payout, signer: Hex, signed: SignedTransfer): Promise<Payout | null>;
  markSent(bytes: PayoutBytes): Promise<void>;
  /** Payouts that are on their way, by nonce. */
  open(signer: Hex): Promise<readonly Payout[]>;
  /** broadcast | unknown → paid. */
  markPaid(payout: Payout, bytes: PayoutBytes, mined: MinedTransfer): Promise<void>;
  /** broadcast | unknown → failed: the chain refused it. */
  markReverted(payout: Payout, bytes: PayoutBytes, mined: MinedTransfer): Promise<void>;
  /** broadcast → unknown. */
  markUnknown(payout: Payout): Promise<void>;
  /** Another transaction has its nonce, as far as the node says. */
  noteDisplaced(payout: Payout): Promise<void>;
  /** broadcast | unknown → queued: these bytes can never be in a block. */
  markDropped(payout: Payout): Promise<void>;
  /** Paid payouts in this block or later ones. */
  paidSince(signer: Hex, blockNumber: bigint): Promise<readonly Payout[]>;
  /** The payout is in another block than before. */
  moveToBlock(payout: Payout, bytes: PayoutBytes, mined: MinedTransfer): Promise<void>;
  /** paid → broadcast: its block was lost. */
  reopen(payout: Payout): Promise<void>;
}

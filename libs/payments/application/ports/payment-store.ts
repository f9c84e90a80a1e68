import type { Authorization } from '../../domain/authorization';
import type { ClaimRules } from '../../domain/claim-decision';
import type { Payment, PayerKind, PaymentKey, StoredAnswer } from '../../domain/payment';
import type { Hex } from '../../domain/networks';

export interface NewClaim {
  readonly key: PaymentKey;
  readonly operation: string;
  readonly x402Version: 1 | 2;
  readonly authorization: Authorization;
  readonly signature: Hex;
  readonly payerKind: PayerKind;
  readonly priceAtomic: bigint;
  /** Transaction fee within the price. */
  readonly feeAtomic: bigint;
  /** The price list that the price is from. */
  readonly priceListVersion: number;
  readonly fingerprint: string;
  readonly method: string;
  readonly path: string;
  readonly bodySha256: string;
  /** The buyer's name for the request, of the extension `payment-identifier`. */
  readonly paymentIdentifier: string | null;
  /** Whether the operation may be answered before its payment settles; the claim decides whether it is. */
  readonly mayAnswerEarly: boolean;
}

/** What the chain said of the payer, at one block. */
export interface FundsAtBlock {
  readonly balanceAtomic: bigint;
  readonly blockNumber: bigint;
  /** Nonces of live payments whose money has left the balance at this block already. */
  readonly spentNonces: readonly Hex[];
}

export interface ClaimLimits extends ClaimRules {
  readonly leaseHolder: string;
  readonly leaseMs: number;
}

export type ClaimResult =
  | { readonly kind: 'claimed'; readonly payment: Payment }
  /** The authorization is known and may not be claimed (again). */
  | { readonly kind: 'existing'; readonly payment: Payment }
  /** Another payment of the wallet holds the identifier. */
  | { readonly kind: 'identifier_taken' }
  | { readonly kind: 'too_many_in_flight' }
  | { readonly kind: 'too_many_refused' }
  /** The balance does not cover this payment and those that are live; their nonces let the caller look again. */
  | { readonly kind: 'insufficient_funds'; readonly liveNonces: readonly Hex[] };

/** The payment that holds an identifier, and the request that it was for. */
export interface HeldIdentifier {
  readonly payment: Payment;
  readonly method: string;
  readonly path: string;
  readonly bodySha256: string;
}

/** Identifies the claim that a process holds; a change of attempt or holder makes it void. */
export interface ClaimRef {
  readonly paymentId: string;
  readonly attempt: number;
  readonly leaseHolder: string;
  /** Whose credits pay, when they do. */
  readonly creditWallet?: string;
}

export interface VoidVerdict {
  readonly code: string;
  /** The same header may claim again, as the next attempt. */
  readonly retryable: boolean;
  readonly answer: StoredAnswer;
  readonly actor: string;
}

/** Every method is one transaction, or a part of one for many callers. State changes are compare-and-set and append an event. */
export interface PaymentStore {
  find(key: PaymentKey): Promise<Payment | null>;
  /** The payment of the same wallet that holds the identifier; null when none does. */
  findByIdentifier(key: PaymentKey, identifier: string): Promise<HeldIdentifier | null>;
  findById(id: string): Promise<Payment | null>;
  /** The payment as it is now. */
  refresh(payment: Payment): Promise<Payment>;
  /** The stored answer; null when there is none, or none any more. */
  readAnswer(id: string): Promise<StoredAnswer | null>;
  /** One lock per payer: look again, weigh balance against live payments, insert or claim the next attempt. */
  claim(claim: NewClaim, funds: FundsAtBlock, limits: ClaimLimits): Promise<ClaimResult>;
  /** False when the claim is no longer held. */
  renewLease(claim: ClaimRef, leaseMs: number): Promise<boolean>;
  /** claimed → queued with the final answer bytes; the revenue is booked. False when the claim is no longer held. */
  complete(claim: ClaimRef, answer: StoredAnswer, retentionMs: number): Promise<boolean>;
  /** claimed → voided. False when the claim is no longer held. */
  void(claim: ClaimRef, verdict: VoidVerdict): Promise<boolean>;
  /** Takes over a claim whose lease ran out, so that exactly one process recovers it. Null when somebody else did. */
  takeOverExpiredClaim(paymentId: string, attempt: number, leaseHolder: string, leaseMs: number): Promise<ClaimRef | null>;
  /** Claims whose lease ran out. */
  listExpiredClaims(limit: number): Promise<readonly Payment[]>;
  /** Payments that will never be paid, whose operation was not taken back yet. */
  listToRevoke(limit: number): Promise<readonly Payment[]>;
  markRevoked(paymentId: string): Promise<void>;
  /** Forgets the bytes of answers whose retention has passed; returns how many. */
  purgeAnswers(limit: number): Promise<number>;
}

/** Wakes waiters when a payment changes; a hint only, the store is the truth. */
export interface PaymentSignals {
  /** Resolves at the next change of the payment, at the latest after `maxWaitMs`. */
  changed(paymentId: string, maxWaitMs: number): Promise<void>;
  /** Resolves when something is queued, at the latest after `maxWaitMs`. */
  queued(maxWaitMs: number): Promise<void>;
}

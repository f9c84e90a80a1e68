export const REFUND_STATES = ['requested', 'queued', 'broadcast', 'unknown', 'paid', 'rejected', 'failed'] as const;
export type RefundState = (typeof REFUND_STATES)[number];

export const REFUND_KINDS = ['onchain', 'credit'] as const;
export type RefundKind = (typeof REFUND_KINDS)[number];

/** Every legal change; a trigger refuses any other, and a test holds the two lists against each other. */
export const REFUND_TRANSITIONS: Readonly<Record<RefundState, readonly RefundState[]>> = {
  // Approved: an on-chain refund waits for its payout, a credit is given at once.
  requested: ['queued', 'paid', 'rejected'],
  queued: ['broadcast', 'rejected'],
  broadcast: ['paid', 'failed', 'unknown', 'queued'],
  unknown: ['paid', 'failed', 'queued'],
  // The block of its transfer was lost.
  paid: ['broadcast'],
  rejected: [],
  failed: [],
};

export interface Refund {
  readonly id: string;
  readonly paymentId: string;
  readonly operationId: string;
  /** The payer of the payment; nobody else is ever paid. */
  readonly wallet: string;
  readonly amountAtomic: bigint;
  readonly kind: RefundKind;
  readonly reason: string;
  readonly state: RefundState;
  readonly round: number;
  readonly requestedBy: string;
  readonly needsSecondKey: boolean;
  /** It pays out money that is owed without it: what came on a payment that was not charged. */
  readonly owedAlready: boolean;
}

/** What is known of the payment that is to be given back. */
export interface RefundablePayment {
  readonly id: string;
  readonly state: string;
  readonly operation: string;
  readonly operationId: string;
  readonly wallet: string;
  readonly priceAtomic: bigint;
  /** Sum of its refunds that are not rejected or failed. */
  readonly refundedAtomic: bigint;
  /** What came on it from its payer although it was not charged, by the books. */
  readonly dueAtomic: bigint;
}

export interface RefundLimits {
  /** Refunds of one payment up to this sum need no second key. */
  readonly perPaymentAtomic: bigint;
  /** Refunds of all payments within 24 hours up to this sum need no second key. */
  readonly perDayAtomic: bigint;
}

export type RefundDecision =
  | { readonly kind: 'accepted'; readonly needsSecondKey: boolean; readonly owedAlready: boolean }
  | { readonly kind: 'not_refundable'; readonly why: string }
  | { readonly kind: 'too_much'; readonly leftAtomic: bigint };

/** The operation whose price is no revenue but the buyer's own money: it is used up or stays, and is not given back here. */
const TOPUP_OPERATION = 'credits.topup';

/** @param todayAtomic what was refunded within 24 hours without a second key */
export function decideRefund(
  payment: RefundablePayment,
  amountAtomic: bigint,
  todayAtomic: bigint,
  limits: RefundLimits,
): RefundDecision {
  const owedAlready = payment.state !== 'settled' && payment.dueAtomic > 0n;
  if (payment.operation === TOPUP_OPERATION && !owedAlready)
    return { kind: 'not_refundable', why: 'A top-up is credit of the buyer and not revenue; refund what it was spent on.' };
  if (payment.state !== 'settled' && !owedAlready)
    return { kind: 'not_refundable', why: `The payment is ${payment.state}: only money that arrived can be given back.` };
  const leftAtomic = (owedAlready ? payment.dueAtomic : payment.priceAtomic) - payment.refundedAtomic;
  if (amountAtomic > leftAtomic) return { kind: 'too_much', leftAtomic };
  const needsSecondKey =
    payment.refundedAtomic + amountAtomic > limits.perPaymentAtomic || todayAtomic + amountAtomic > limits.perDayAtomic;
  return { kind: 'accepted', needsSecondKey, owedAlready };
}

import { TOPUP_OPERATION } from '@tollbox/ledger/domain/postings/payment';
import type { Hex } from './hex';

/**
 * How the books explain a Transfer log of payTo.
 *
 * - waiting       read, not booked: its payment is on its way, or the time of grace runs
 * - explained     a settled payment names this transfer; the payment's own postings hold the money
 * - unmatched     no payment knows it, or a payment was done on its nonce for another amount
 * - refund_due    it came on a payment that was not charged
 * - debt_paid     it pays the debt of a payment that the chain had refused
 * - recovered     it came after it was booked as lost
 * - owner_move    out of payTo, by the owner of its key
 * - refund_float  out of payTo to the wallet that pays refunds
 * - lost          its block was replaced; nothing of it is booked
 */
export const RECEIPT_STATES = [
  'waiting',
  'explained',
  'unmatched',
  'refund_due',
  'debt_paid',
  'recovered',
  'owner_move',
  'refund_float',
  'lost',
] as const;
export type ReceiptState = (typeof RECEIPT_STATES)[number];

/** States in which the receipt itself has postings. */
export const BOOKED_STATES = [
  'unmatched',
  'refund_due',
  'debt_paid',
  'recovered',
  'owner_move',
  'refund_float',
] as const satisfies readonly ReceiptState[];

export function isBooked(state: ReceiptState): state is (typeof BOOKED_STATES)[number] {
  return (BOOKED_STATES as readonly ReceiptState[]).includes(state);
}

/** A Transfer of USDC to or from payTo, as a log says it. */
export interface ChainTransfer {
  readonly transactionHash: Hex;
  readonly logIndex: number;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  readonly from: Hex;
  readonly to: Hex;
  readonly valueAtomic: bigint;
  /** Nonce of the authorization that moved it; null for any other transfer. */
  readonly nonce: Hex | null;
}

export interface Receipt extends ChainTransfer {
  readonly id: string;
  readonly direction: 'in' | 'out';
  readonly state: ReceiptState;
  readonly round: number;
  /** Whether it was first seen longer ago than the time of grace. */
  readonly graceIsOver: boolean;
  /** Whether it was first seen so long ago that no claim from before it can still come. */
  readonly isOld: boolean;
  /** It is told about with the dust of its day. */
  readonly isDust: boolean;
}

/** What a receipt's explanation needs to know of the payment with its authorization. */
export interface PaymentOfReceipt {
  readonly id: string;
  readonly state: string;
  readonly operation: string;
  readonly operationId: string;
  readonly wallet: Hex;
  readonly amountAtomic: bigint;
  readonly priceAtomic: bigint;
  readonly round: number;
  readonly settlementMode: 'confirm' | 'optimistic';
  readonly transactionHash: Hex | null;
  readonly blockHash: Hex | null;
  /** What the books hold against its buyer, and what of that was given up. */
  readonly debtAtomic: bigint;
  readonly writtenOffAtomic: bigint;
  /** The round in which it was booked as refused last. */
  readonly refusedRound: number;
}

/** Nothing but a lost block changes what it is: it is not looked at again. */
export function isForGood(receipt: Receipt, state: ReceiptState): boolean {
  return isBooked(state) && receipt.direction === 'in' && (receipt.nonce === null || receipt.isOld);
}

/** Too little for an item of its own. What was told about otherwise before stays so. */
export function isDust(receipt: Receipt, state: ReceiptState, dustAtomic: bigint): boolean {
  if (state !== 'unmatched') return false;
  return receipt.state === 'unmatched' ? receipt.isDust : receipt.valueAtomic < dustAtomic;
}

/** What the receipt should be, given what is known of its payment. */
export function explain(receipt: Receipt, payment: PaymentOfReceipt | null, refundWallet: Hex | null): ReceiptState {
  if (receipt.direction === 'out') return receipt.to === refundWallet ? 'refund_float' : 'owner_move';
  if (receipt.nonce === null) return 'unmatched';
  if (payment === null) return receipt.graceIsOver ? 'unmatched' : 'waiting';
  switch (payment.state) {
    case 'settled':
      return isSettledBy(payment, receipt) ? 'explained' : 'waiting';
    case 'voided':
      return receipt.graceIsOver || receipt.state === 'refund_due' ? 'refund_due' : 'waiting';
    case 'failed':
      return receipt.state === 'debt_paid' || receipt.state === 'recovered' ? receipt.state : afterRefusal(receipt, payment);
    case 'expired':
      if (payment.operation === TOPUP_OPERATION) return 'refund_due';
      return isItsAmount(payment, receipt) ? 'recovered' : 'unmatched';
    default: // on its way: the settler reads the chain and settles it
      return 'waiting';
  }
}

export function isSettledBy(payment: PaymentOfReceipt, receipt: ChainTransfer): boolean {
  return (
    payment.transactionHash === receipt.transactionHash &&
    (payment.blockHash === null || payment.blockHash === receipt.blockHash) &&
    payment.amountAtomic === receipt.valueAtomic
  );
}

/** A payer can sign authorizations of any amount with one nonce. Only the payment's own makes up for its price. */
const isItsAmount = (payment: PaymentOfReceipt, receipt: ChainTransfer): boolean => payment.amountAtomic === receipt.valueAtomic;

/** A released answer left a debt, which the money pays while it stands; without one the buyer was told that nothing is charged. */
function afterRefusal(receipt: ChainTransfer, payment: PaymentOfReceipt): ReceiptState {
  if (payment.settlementMode === 'confirm') return 'refund_due';
  if (!isItsAmount(payment, receipt)) return 'unmatched';
  if (payment.debtAtomic === payment.priceAtomic) return 'debt_paid';
  if (payment.writtenOffAtomic === payment.priceAtomic) return 'recovered';
  return 'refund_due';
}

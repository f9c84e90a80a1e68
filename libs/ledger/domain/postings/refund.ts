import type { JournalEvent } from '../events';
import { legs, type Posting } from '../posting';

/** What the books need to know of a refund. */
export interface RefundMoney {
  readonly id: string;
  /** Operation of the payment that is given back. */
  readonly operationId: string;
  /** Who gets it, lower case. */
  readonly wallet: string;
  readonly amountAtomic: bigint;
  /** How often its payout has been started. */
  readonly round: number;
}

/** It is owed from now on. */
export function refundApproved(refund: RefundMoney): Posting[] {
  return moved(refund, 'refund_approved', 1, 'refunds', 'refunds_due');
}

/** It is not owed any more: withdrawn before it was sent, or refused by the chain. */
export function refundWithdrawn(refund: RefundMoney): Posting[] {
  return moved(refund, 'refund_withdrawn', 1, 'refunds_due', 'refunds');
}

/** Its transfer is in a block. */
export function refundPaid(refund: RefundMoney): Posting[] {
  return moved(refund, 'refund_paid', refund.round, 'refunds_due', 'refund_float');
}

/** The block of its transfer was lost. */
export function refundUnpaid(refund: RefundMoney): Posting[] {
  return moved(refund, 'refund_unpaid', refund.round, 'refund_float', 'refunds_due');
}

/** It was given as prepaid credit. */
export function refundCredited(refund: RefundMoney): Posting[] {
  return moved(refund, 'refund_credited', 1, 'refunds_due', 'credits');
}

/** Gas of its transaction, whether that succeeded or not. */
export function refundGas(refund: RefundMoney, amountWei: bigint): Posting[] {
  return legs(common(refund, 'refund_gas', refund.round), [{ debit: 'gas_expense', credit: 'gas_wallet', amount: amountWei }]);
}

/** Gas of a transaction whose block was lost. */
export function refundGasReturned(refund: RefundMoney, amountWei: bigint): Posting[] {
  return legs(common(refund, 'refund_gas_returned', refund.round), [
    { debit: 'gas_wallet', credit: 'gas_expense', amount: amountWei },
  ]);
}

type Account = Posting['debit'];

function moved(refund: RefundMoney, event: JournalEvent, round: number, debit: Account, credit: Account): Posting[] {
  return legs(common(refund, event, round), [{ debit, credit, amount: refund.amountAtomic }]);
}

function common({ id, operationId, wallet }: RefundMoney, event: JournalEvent, round: number) {
  return { subject: id, event, round, operationId, wallet };
}

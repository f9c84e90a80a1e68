import type { Move, Posting } from '@tollbox/ledger/domain/posting';
import { debtPaid, failed, type PaymentMoney } from '@tollbox/ledger/domain/postings/payment';
import * as postings from '@tollbox/ledger/domain/postings/receipt';
import type { ReceiptMoney } from '@tollbox/ledger/domain/postings/receipt';
import type { PaymentOfReceipt, Receipt, ReceiptState } from './receipt';

/** What books a receipt in a state. Explained, waiting and lost ones have no postings of their own. */
export function book(receipt: Receipt, state: ReceiptState, round: number, payment: PaymentOfReceipt | null): Posting[] {
  const money: ReceiptMoney = {
    id: receipt.id,
    wallet: receipt.direction === 'in' ? receipt.from : receipt.to,
    amountAtomic: receipt.valueAtomic,
    round,
    operationId: payment?.operationId ?? null,
  };
  switch (state) {
    case 'unmatched':
      return postings.unmatched(money);
    case 'refund_due':
      return postings.refundDue(money);
    case 'recovered':
      return postings.recovered(money, paymentOf(receipt, payment).priceAtomic);
    case 'debt_paid':
      return debtPaid(inRefusal(paymentOf(receipt, payment), 0), 'treasury');
    case 'owner_move':
      return postings.ownerMove(money);
    case 'refund_float':
      return postings.refundFloat(money);
    case 'waiting':
    case 'explained':
    case 'lost':
      return [];
  }
}

/** Takes back everything that a receipt booked in its round, what a person decided about it included. */
export function unbook(receipt: Receipt, rows: readonly Move[], payment: PaymentOfReceipt | null): Posting[] {
  const wallet = receipt.direction === 'in' ? receipt.from : receipt.to;
  const own = postings.unbooked({ id: receipt.id, wallet, round: receipt.round }, rows);
  if (receipt.state !== 'debt_paid') return own;
  return [...own, ...failed(inRefusal(paymentOf(receipt, payment), 1), 'treasury')];
}

/** A refused payment whose money came and was lost with its block is refused once more, and its debt counts on. */
function inRefusal(payment: PaymentOfReceipt, more: 0 | 1): PaymentMoney {
  return { ...payment, round: payment.refusedRound + more };
}

function paymentOf(receipt: Receipt, payment: PaymentOfReceipt | null): PaymentOfReceipt {
  if (payment === null) throw new Error(`receipt ${receipt.id} needs the payment that it is booked for`);
  return payment;
}

import type { AccountCode } from '@tollbox/ledger/domain/accounts';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { debtPaid, type PaymentMoney } from '@tollbox/ledger/domain/postings/payment';
import type { PaymentOfReceipt, Receipt, ReceiptState } from './receipt';

const MOVES: Readonly<Partial<Record<ReceiptState, { readonly debit: AccountCode; readonly credit: AccountCode }>>> = {
  unmatched: { debit: 'treasury', credit: 'unmatched_receipts' },
  refund_due: { debit: 'treasury', credit: 'refunds_due' },
  recovered: { debit: 'treasury', credit: 'recovered' },
  owner_move: { debit: 'owner', credit: 'treasury' },
  refund_float: { debit: 'refund_float', credit: 'treasury' },
};

/** What books a receipt in a state. Explained, waiting and lost ones have no postings of their own. */
export function book(receipt: Receipt, state: ReceiptState, round: number, payment: PaymentOfReceipt | null): Posting[] {
  if (state === 'debt_paid') {
    if (payment === null) throw new Error(`receipt ${receipt.id} pays the debt of no payment`);
    return debtPaid(debtOf(payment, round), 'treasury');
  }
  const move = MOVES[state];
  if (move === undefined) return [];
  return [
    {
      subject: receipt.id,
      event: state,
      round,
      ...move,
      amount: receipt.valueAtomic,
      operationId: payment?.operationId ?? null,
      wallet: receipt.direction === 'in' ? receipt.from : receipt.to,
    },
  ];
}

/** A row of the journal that a receipt made. */
export interface BookedRow {
  readonly debit: AccountCode;
  readonly credit: AccountCode;
  readonly amountAtomic: bigint;
}

/** Takes back everything that a receipt booked in its round, what a person decided about it included. */
export function unbook(receipt: Receipt, rows: readonly BookedRow[], payment: PaymentOfReceipt | null): Posting[] {
  const wallet = receipt.direction === 'in' ? receipt.from : receipt.to;
  const own = rows.map((row, index): Posting => ({
    subject: receipt.id,
    event: 'unbooked',
    round: receipt.round,
    leg: index + 1,
    debit: row.credit,
    credit: row.debit,
    amount: row.amountAtomic,
    wallet,
  }));
  if (receipt.state !== 'debt_paid' || payment === null) return own;
  const returned = debtPaid(debtOf(payment, receipt.round), 'treasury').map((posting) => ({
    ...posting,
    event: 'debt_returned',
    debit: posting.credit,
    credit: posting.debit,
  }));
  return [...own, ...returned];
}

/** A debt that is paid, returned by a lost block and paid again counts on from the payment's round. */
function debtOf(payment: PaymentOfReceipt, receiptRound: number): PaymentMoney {
  return { ...payment, round: payment.round + receiptRound - 1 };
}

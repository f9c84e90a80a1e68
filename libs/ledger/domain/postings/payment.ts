import { revenueAccount, type AccountCode } from '../accounts';
import type { JournalEvent } from '../events';
import { legs, type Move, type Posting } from '../posting';

/** What the books need to know of a payment. */
export interface PaymentMoney {
  readonly id: string;
  readonly operation: string;
  readonly operationId: string;
  /** The payer, lower case. */
  readonly wallet: string;
  /** What the authorization moves. */
  readonly amountAtomic: bigint;
  /** What the operation costs; the rest of the amount is the payer's credit. */
  readonly priceAtomic: bigint;
  /** How often the payment has been queued. */
  readonly round: number;
  readonly settlementMode: 'confirm' | 'optimistic';
  /** What pays: an authorization on the chain, or the wallet's prepaid credits. */
  readonly rail?: 'x402' | 'credit';
}

/** Where the money of a payment stands after `executed`. */
export type PaymentPlace = 'authorized' | 'in_flight' | 'treasury';

/** The operation whose price is no revenue but the buyer's credit. */
export const TOPUP_OPERATION = 'credits.topup';

export function placeOf(state: 'queued' | 'broadcast' | 'unknown' | 'settled'): PaymentPlace {
  switch (state) {
    case 'queued':
      return 'authorized';
    case 'broadcast':
    case 'unknown':
      return 'in_flight';
    case 'settled':
      return 'treasury';
  }
}

/**
 * The work is done: revenue is earned, an excess is owed. Happens once; nothing is booked at claim or void. A call on
 * credit is paid with it, since its money came before.
 */
export function executed(payment: PaymentMoney): Posting[] {
  const source: AccountCode = payment.rail === 'credit' ? 'credits' : 'authorized';
  return legs(
    { ...common(payment), event: 'executed' },
    earned(payment).map(([account, amount]): Move => ({ debit: source, credit: account, amount })),
  );
}

/** A transaction that carries the payment is stored. */
export function broadcast(payment: PaymentMoney): Posting[] {
  return moved(payment, 'broadcast', 'in_flight', 'authorized');
}

/** Back to the queue: the transaction was displaced, or its block was lost. The next events have the next round. */
export function requeued(payment: PaymentMoney, from: 'in_flight' | 'treasury'): Posting[] {
  return moved(payment, 'requeued', 'authorized', from);
}

/** The chain moved the money, by our transaction or by somebody else's. */
export function settled(payment: PaymentMoney, from: 'authorized' | 'in_flight'): Posting[] {
  return moved(payment, 'settled', 'treasury', from);
}

/**
 * The chain refused. In confirm mode no answer was released, so nothing was earned; in optimistic mode the buyer has
 * his answer and owes its price. Credits that did not arrive are taken back in both.
 */
export function failed(payment: PaymentMoney, from: PaymentPlace): Posting[] {
  return lost(payment, 'failed', from, payment.settlementMode === 'optimistic' ? 'customer_debt' : null);
}

/** We were too late: the work stays earned and its price is our loss. Credits that did not arrive are taken back. */
export function expired(payment: PaymentMoney, from: PaymentPlace): Posting[] {
  return lost(payment, 'expired', from, 'expired_losses');
}

/** A debt is paid: by the same authorization after all, or by other money of the wallet that stood in `source`. */
export function debtPaid(payment: PaymentMoney, source: 'treasury' | 'credits' | 'unmatched_receipts'): Posting[] {
  const price = owed(payment, 'debt_paid', source);
  const excess: Move = { debit: 'treasury', credit: 'credits', amount: payment.amountAtomic - payment.priceAtomic };
  return source === 'treasury'
    ? legs({ ...common(payment), event: 'debt_paid', round: payment.round }, [...price, excess])
    : price;
}

/** A debt is given up. */
export function debtWrittenOff(payment: PaymentMoney): Posting[] {
  return owed(payment, 'debt_written_off', 'bad_debt');
}

/**
 * A payment's share of the gas of a transaction. `leg` counts the transactions that the payment took part in, so that a
 * reverted one is paid for as well.
 */
export function gas(
  payment: Pick<PaymentMoney, 'id' | 'operationId' | 'wallet' | 'round'>,
  leg: number,
  amountWei: bigint,
): Posting[] {
  if (amountWei === 0n) return [];
  return [
    {
      subject: payment.id,
      event: 'gas',
      round: payment.round,
      leg,
      debit: 'gas_expense',
      credit: 'gas_wallet',
      amount: amountWei,
      operationId: payment.operationId,
      wallet: payment.wallet,
    },
  ];
}

/** What a remote facilitator charges for a settlement. */
export function facilitatorFee(payment: PaymentMoney, feeAtomic: bigint): Posting[] {
  const move: Move = { debit: 'facilitator_fees', credit: 'facilitator_payable', amount: feeAtomic };
  return legs({ ...common(payment), event: 'facilitator_fee', round: payment.round }, [move]);
}

function earned(payment: PaymentMoney): [AccountCode, bigint][] {
  if (payment.operation === TOPUP_OPERATION) return [['credits', payment.amountAtomic]];
  return [
    [revenueAccount(payment.operation), payment.priceAtomic],
    ['credits', payment.amountAtomic - payment.priceAtomic],
  ];
}

/** No money comes any more. `bearer` is who bears the price; null when it is not earned after all. */
function lost(payment: PaymentMoney, event: JournalEvent, from: PaymentPlace, bearer: AccountCode | null): Posting[] {
  const moves = earned(payment).map(([account, amount]): Move => {
    const keepsEarned = bearer !== null && account !== 'credits';
    return { debit: keepsEarned ? bearer : account, credit: from, amount };
  });
  return legs({ ...common(payment), event, round: payment.round }, moves);
}

/** What a refused payment left as debt is its price. */
function owed(payment: PaymentMoney, event: JournalEvent, debit: AccountCode): Posting[] {
  const move: Move = { debit, credit: 'customer_debt', amount: payment.priceAtomic };
  return legs({ ...common(payment), event, round: payment.round }, [move]);
}

function moved(payment: PaymentMoney, event: JournalEvent, debit: AccountCode, credit: AccountCode): Posting[] {
  return legs({ ...common(payment), event, round: payment.round }, [{ debit, credit, amount: payment.amountAtomic }]);
}

function common(payment: PaymentMoney) {
  return { subject: payment.id, operationId: payment.operationId, wallet: payment.wallet };
}

import { revenueAccount, type AccountCode } from '../accounts';
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

/** The work is done: revenue is earned, an excess is owed. Happens once; nothing is booked at claim or void. */
export function executed(payment: PaymentMoney): Posting[] {
  return legs(
    { ...common(payment), event: 'executed' },
    earned(payment).map(([account, amount]): Move => ({ debit: 'authorized', credit: account, amount })),
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
 * his answer and owes.
 */
export function failed(payment: PaymentMoney, from: PaymentPlace): Posting[] {
  if (payment.settlementMode === 'optimistic') return moved(payment, 'failed', 'customer_debt', from);
  return legs(
    { ...common(payment), event: 'failed', round: payment.round },
    earned(payment).map(([account, amount]): Move => ({ debit: account, credit: from, amount })),
  );
}

/** We were too late: the work stays earned and the money is our loss. */
export function expired(payment: PaymentMoney, from: PaymentPlace): Posting[] {
  return moved(payment, 'expired', 'expired_losses', from);
}

/** A debt is paid: by the same authorization after all, or by other money of the wallet that stood in `source`. */
export function debtPaid(payment: PaymentMoney, source: 'treasury' | 'credits' | 'unmatched_receipts'): Posting[] {
  if (source === 'treasury') return moved(payment, 'debt_paid', 'treasury', 'customer_debt');
  return moved(payment, 'debt_paid', source, 'customer_debt');
}

/** A debt is given up. */
export function debtWrittenOff(payment: PaymentMoney): Posting[] {
  return moved(payment, 'debt_written_off', 'bad_debt', 'customer_debt');
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

function moved(payment: PaymentMoney, event: string, debit: AccountCode, credit: AccountCode): Posting[] {
  return legs({ ...common(payment), event, round: payment.round }, [{ debit, credit, amount: payment.amountAtomic }]);
}

function common(payment: PaymentMoney) {
  return { subject: payment.id, operationId: payment.operationId, wallet: payment.wallet };
}

import type { AccountCode } from '../accounts';
import type { JournalEvent } from '../events';
import { legs, type Move, type Posting } from '../posting';

/** A transfer to or from payTo that the postings of no payment hold. */
export interface ReceiptMoney {
  readonly id: string;
  /** The other side of the transfer, lower case. */
  readonly wallet: string;
  readonly amountAtomic: bigint;
  /** How often it has been booked. */
  readonly round: number;
  readonly operationId?: string | null;
}

/** What payTo held before the books began. `id` names the books' opening. */
export function opening(id: string, amountAtomic: bigint): Posting[] {
  return legs({ subject: id, event: 'opening' }, [{ debit: 'treasury', credit: 'owner', amount: amountAtomic }]);
}

/** What the wallets that pay gas held before the books began. */
export function gasOpening(id: string, amountWei: bigint): Posting[] {
  return legs({ subject: id, event: 'gas_opening' }, [{ debit: 'gas_wallet', credit: 'owner_eth', amount: amountWei }]);
}

/** The owner put ETH on the wallets that pay gas, or (below zero) took some; `round` tells apart the decisions about `id`. */
export function gasMoved(id: string, round: number, amountWei: bigint): Posting[] {
  const move: Move =
    amountWei < 0n
      ? { debit: 'owner_eth', credit: 'gas_wallet', amount: -amountWei }
      : { debit: 'gas_wallet', credit: 'owner_eth', amount: amountWei };
  return legs({ subject: id, event: 'gas_moved', round }, [move]);
}

/** No payment knows it. */
export function unmatched(receipt: ReceiptMoney): Posting[] {
  return whole(receipt, 'unmatched', 'treasury', 'unmatched_receipts');
}

/** It came on a payment that was not charged. */
export function refundDue(receipt: ReceiptMoney): Posting[] {
  return whole(receipt, 'refund_due', 'treasury', 'refunds_due');
}

/** It came after its price was booked as lost. What is above the price was the buyer's credit and is owed back. */
export function recovered(receipt: ReceiptMoney, priceAtomic: bigint): Posting[] {
  return legs({ ...common(receipt), event: 'recovered' }, [
    { debit: 'treasury', credit: 'recovered', amount: priceAtomic },
    { debit: 'treasury', credit: 'refunds_due', amount: receipt.amountAtomic - priceAtomic },
  ]);
}

/** The owner of payTo's key moved it out. */
export function ownerMove(receipt: ReceiptMoney): Posting[] {
  return whole(receipt, 'owner_move', 'owner', 'treasury');
}

/** It went to the wallet that pays refunds. */
export function refundFloat(receipt: ReceiptMoney): Posting[] {
  return whole(receipt, 'refund_float', 'refund_float', 'treasury');
}

/** Finance decided about an unmatched receipt: it is the owner's own, or owed back. */
export function decided(receipt: ReceiptMoney, decision: 'owner_money' | 'refund_due'): Posting[] {
  const credit: AccountCode = decision === 'owner_money' ? 'owner' : 'refunds_due';
  return whole(receipt, 'decided', 'unmatched_receipts', credit);
}

/** Its block was lost, or it is explained otherwise now: everything that it booked in its round, the other way round. */
export function unbooked(receipt: Omit<ReceiptMoney, 'amountAtomic'>, rows: readonly Move[]): Posting[] {
  return legs(
    { ...common(receipt), event: 'unbooked' },
    rows.map(({ debit, credit, amount }) => ({ debit: credit, credit: debit, amount })),
  );
}

function whole(receipt: ReceiptMoney, event: JournalEvent, debit: AccountCode, credit: AccountCode): Posting[] {
  return legs({ ...common(receipt), event }, [{ debit, credit, amount: receipt.amountAtomic }]);
}

function common({ id, wallet, round, operationId }: Omit<ReceiptMoney, 'amountAtomic'>) {
  return { subject: id, wallet, round, operationId: operationId ?? null };
}

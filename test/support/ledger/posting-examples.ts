import type { Posting } from '@tollbox/ledger/domain/posting';
import * as credits from '@tollbox/ledger/domain/postings/credits';
import * as gas from '@tollbox/ledger/domain/postings/gas';
import * as payment from '@tollbox/ledger/domain/postings/payment';
import * as provider from '@tollbox/ledger/domain/postings/provider';
import * as receipt from '@tollbox/ledger/domain/postings/receipt';
import * as refund from '@tollbox/ledger/domain/postings/refund';

/**
 * For every posting function of libs/ledger/domain/postings, as `<file>.<function>`, what it books in all its cases:
 * together they must show every row of docs/postings.md. test/ledger/rule-book.spec.ts compares.
 */
const paid: payment.PaymentMoney = {
  id: '00000000-0000-4000-8000-000000000001',
  operation: 'sandbox.exec',
  operationId: '00000000-0000-4000-8000-000000000002',
  wallet: '0xaa',
  amountAtomic: 1_200n,
  priceAtomic: 1_000n,
  round: 1,
  settlementMode: 'confirm',
};
const topup: payment.PaymentMoney = { ...paid, operation: payment.TOPUP_OPERATION };
const released: payment.PaymentMoney = { ...paid, settlementMode: 'optimistic' };
const received: receipt.ReceiptMoney = { id: paid.id, wallet: paid.wallet, amountAtomic: 1_200n, round: 1 };
const givenBack: refund.RefundMoney = { ...paid, amountAtomic: 700n };
const PLACES = ['authorized', 'in_flight', 'treasury'] as const;

export const POSTING_EXAMPLES: Readonly<Record<string, readonly Posting[]>> = {
  'payment.executed': [
    ...payment.executed(paid),
    ...payment.executed(topup),
    ...payment.executed({ ...paid, amountAtomic: 1_000n, rail: 'credit' }),
  ],
  'payment.broadcast': payment.broadcast(paid),
  'payment.requeued': [...payment.requeued(paid, 'in_flight'), ...payment.requeued(paid, 'treasury')],
  'payment.settled': [...payment.settled(paid, 'authorized'), ...payment.settled(paid, 'in_flight')],
  'payment.failed': [paid, topup, released].flatMap((case_) => PLACES.flatMap((place) => payment.failed(case_, place))),
  'payment.expired': [paid, topup].flatMap((case_) => PLACES.flatMap((place) => payment.expired(case_, place))),
  'payment.debtPaid': (['treasury', 'credits', 'unmatched_receipts'] as const).flatMap((source) =>
    payment.debtPaid(released, source),
  ),
  'payment.debtWrittenOff': payment.debtWrittenOff(released),
  'credits.debtRepaid': credits.debtRepaid(paid.id, paid.wallet, 5n),
  'payment.gas': payment.gas(paid, 1, 5n),
  'gas.fillerGas': gas.fillerGas(paid.id, 1, 5n),
  'gas.gasReturned': gas.gasReturned(payment.gas(paid, 1, 5n)),
  'payment.facilitatorFee': payment.facilitatorFee(paid, 10n),
  'receipt.opening': receipt.opening(paid.id, 5n),
  'receipt.gasOpening': receipt.gasOpening(paid.id, 5n),
  'receipt.gasMoved': [...receipt.gasMoved(paid.id, 1, 5n), ...receipt.gasMoved(paid.id, 2, -5n)],
  'receipt.unmatched': receipt.unmatched(received),
  'receipt.refundDue': receipt.refundDue(received),
  'receipt.recovered': receipt.recovered(received, 1_000n),
  'receipt.ownerMove': receipt.ownerMove(received),
  'receipt.refundFloat': receipt.refundFloat(received),
  'receipt.decided': (['owner_money', 'refund_due'] as const).flatMap((decision) => receipt.decided(received, decision)),
  'receipt.unbooked': receipt.unbooked(
    received,
    [
      receipt.unmatched(received),
      receipt.refundDue(received),
      receipt.recovered(received, 1_000n),
      receipt.ownerMove(received),
      receipt.refundFloat(received),
      ...(['owner_money', 'refund_due'] as const).map((decision) => receipt.decided(received, decision)),
    ].flat(),
  ),
  'refund.refundApproved': refund.refundApproved(givenBack),
  'refund.refundWithdrawn': refund.refundWithdrawn(givenBack),
  'refund.refundPaid': refund.refundPaid(givenBack),
  'refund.refundUnpaid': refund.refundUnpaid(givenBack),
  'refund.refundCredited': refund.refundCredited(givenBack),
  'refund.refundGas': refund.refundGas(givenBack, 5n),
  'refund.refundGasReturned': refund.refundGasReturned(givenBack, 5n),
  'provider.providerCost': provider.providerCost({
    operationId: paid.operationId,
    wallet: '0xaa',
    endedAt: new Date(0),
    amountUsdE12: 7n,
  }),
};

/** Exported beside the posting functions, and booking nothing. */
export const HELPERS: readonly string[] = ['payment.placeOf'];

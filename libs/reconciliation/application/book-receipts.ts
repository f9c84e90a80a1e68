import type { Finding } from '../domain/item';
import { explain, isDust, isForGood, type PaymentOfReceipt, type Receipt, type ReceiptState } from '../domain/receipt';
import type { Hex } from '../domain/hex';
import type { ReceiptDecision, ReceiptStore, StartedRun } from './ports/reconciliation-store';

export interface BookedReceipts {
  readonly reviewed: number;
  readonly changed: number;
}

/** Books what no settled payment explains, and books it otherwise when what is known of its payment has changed. */
export class BookReceipts {
  constructor(
    private readonly store: ReceiptStore,
    private readonly settings: { readonly graceMs: number; readonly refundWallet: Hex | null; readonly dustAtomic: bigint },
  ) {}

  async run(run: StartedRun, keep: () => Promise<void>): Promise<BookedReceipts> {
    const total = { reviewed: 0, changed: 0 };
    const decide = (receipt: Receipt, payment: PaymentOfReceipt | null): ReceiptDecision => this.decide(receipt, payment);
    for (let after: string | null = null; ;) {
      const batch = await this.store.review(run, after, this.settings.graceMs, decide);
      if (batch === null) return total;
      total.reviewed += batch.reviewed;
      total.changed += batch.changed;
      after = batch.last;
      await keep();
    }
  }

  private decide(receipt: Receipt, payment: PaymentOfReceipt | null): ReceiptDecision {
    const state = explain(receipt, payment, this.settings.refundWallet);
    const dust = isDust(receipt, state, this.settings.dustAtomic);
    const finding = dust ? null : findingOf(receipt, payment, state);
    return { state, finding, isFinal: isForGood(receipt, state), isDust: dust };
  }
}

/** Every receipt that has a booking of its own is told about; one that waits is, when it has waited too long. */
function findingOf(receipt: Receipt, payment: PaymentOfReceipt | null, state: ReceiptState): Finding | null {
  const common = {
    subject: receipt.id,
    actual: receipt.valueAtomic.toString(),
    detail: {
      transaction_hash: receipt.transactionHash,
      block_number: receipt.blockNumber.toString(),
      from: receipt.from,
      to: receipt.to,
      nonce: receipt.nonce,
      payment_id: payment?.id ?? null,
      payment_state: payment?.state ?? null,
    },
  };
  switch (state) {
    case 'unmatched':
      return { ...common, class: 'unmatched_receipt', expected: null };
    case 'refund_due':
      return { ...common, class: 'money_on_void', expected: null };
    case 'debt_paid':
    case 'recovered':
      return { ...common, class: 'late_money', expected: null, resolution: state };
    case 'owner_move':
      return { ...common, class: 'owner_move', expected: null };
    case 'refund_float':
      return { ...common, class: 'owner_move', expected: null, resolution: state };
    case 'waiting':
      return receipt.graceIsOver ? { ...common, class: 'unsettled_receipt', expected: 'a settled payment' } : null;
    case 'explained':
    case 'lost':
      return null;
  }
}

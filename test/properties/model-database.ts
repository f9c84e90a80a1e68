import type { Posting } from '@tollbox/ledger/domain/posting';
import type { BatchView, Database, DatabaseView, PaymentView } from './database';
import type { HeldRows } from './held-transaction';
import { ModelData, type BatchRow, type PaymentRow } from './model-data';
import { ModelPayments } from './model-payments';
import { ModelSettlements } from './model-settlements';

const GAS_ACCOUNTS: readonly string[] = ['gas_expense', 'gas_wallet'];

/** The database of a run in memory. */
export class ModelDatabase implements Database {
  readonly data: ModelData;
  readonly payments: ModelPayments;
  readonly settlements: ModelSettlements;
  private readonly booksOf = new Map<string, Map<string, bigint>>();
  private readonly earnedTimes = new Map<string, number>();

  constructor(readonly clock: { nowMs: number }) {
    this.data = new ModelData(clock, (posting) => this.note(posting));
    this.payments = new ModelPayments(this.data);
    this.settlements = new ModelSettlements(this.data);
  }

  private note({ subject, event, debit, credit, amount }: Posting): void {
    if (GAS_ACCOUNTS.includes(debit)) return;
    const books = this.booksOf.get(subject) ?? new Map<string, bigint>();
    this.booksOf.set(subject, books);
    for (const [account, change] of [
      [debit, amount],
      [credit, -amount],
    ] as const) {
      const balance = (books.get(account) ?? 0n) + change;
      if (balance === 0n) books.delete(account);
      else books.set(account, balance);
    }
    if (event === 'executed' && credit !== 'credits') this.earnedTimes.set(subject, (this.earnedTimes.get(subject) ?? 0) + 1);
  }

  version(): number {
    return this.data.changes;
  }

  view(): DatabaseView {
    const wei = (account: string): bigint => this.data.balances.get(account) ?? 0n;
    return {
      payments: [...this.data.payments.values()].map((row) => this.paymentView(row)),
      batches: [...this.data.batches.values()].map((batch) => this.batchView(batch)),
      gasWei: { expense: wei('gas_expense'), wallet: wei('gas_wallet') },
    };
  }

  private paymentView(row: PaymentRow): PaymentView {
    return {
      key: keyOf(row),
      state: row.state,
      attempt: row.attempt,
      round: row.round,
      settlementMode: row.settlementMode,
      operationId: row.operationId,
      amountAtomic: row.authorization.valueAtomic,
      priceAtomic: row.priceAtomic,
      operation: row.operation,
      transactionHash: row.transactionHash,
      books: Object.fromEntries(this.booksOf.get(row.id) ?? []),
      earnedTimes: this.earnedTimes.get(row.id) ?? 0,
    };
  }

  private batchView(batch: BatchRow): BatchView {
    const isOpen = batch.bytes.some(({ state }) => state === 'stored' || state === 'sent');
    return {
      signer: batch.signer,
      evmNonce: batch.evmNonce,
      isOpen,
      isAlive: isOpen || batch.bytes.some(({ state }) => state === 'mined'),
      wasMined: batch.minedCount > 0,
      payments: batch.paymentIds.map((id) => keyOf(this.data.payment(id))),
    };
  }

  advance(ms: number, held: HeldRows): void {
    for (const id of held.payments) this.data.payment(id).queuedAtMs += ms;
    for (const [name, lease] of this.data.leases) if (held.leases.has(name)) lease.untilMs += ms;
  }
}

const keyOf = ({ key }: PaymentRow): string => `${key.payer}:${key.nonce}`;

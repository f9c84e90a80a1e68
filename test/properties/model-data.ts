import { randomUUID } from 'node:crypto';
import type { Posting } from '@tollbox/ledger/domain/posting';
import type { Lease, StoredBatch } from '@tollbox/payments/application/ports/settlement-store';
import type { Hex } from '@tollbox/payments/domain/networks';
import type { Payment, StoredAnswer } from '@tollbox/payments/domain/payment';
import { canTransition, type PaymentState } from '@tollbox/payments/domain/payment-state';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export interface PaymentRow extends Mutable<Omit<Payment, 'leaseExpired' | 'answerExpired'>> {
  leaseUntilMs: number;
  answer: StoredAnswer | null;
  queuedAtMs: number;
  blockNumber: bigint | null;
  blockHash: Hex | null;
  isRevoked: boolean;
  isDebtCleared: boolean;
}

export interface BytesRow {
  readonly id: string;
  readonly raw: Hex;
  readonly hash: Hex;
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
  readonly storedAtMs: number;
  state: 'stored' | 'sent' | 'mined' | 'replaced' | 'dropped';
  blockNumber: bigint | null;
  blockHash: Hex | null;
  feeWei: bigint | null;
  resolvedAtMs: number | null;
}

export interface BatchRow {
  readonly id: string;
  readonly signer: Hex;
  readonly evmNonce: bigint;
  readonly paymentIds: readonly string[];
  rounds: number[];
  minedCount: number;
  readonly bytes: BytesRow[];
}

/** What the database holds, in memory, with the checks that the database makes. */
export class ModelData {
  readonly payments = new Map<string, PaymentRow>();
  readonly batches = new Map<string, BatchRow>();
  readonly leases = new Map<string, Lease & { untilMs: number }>();
  readonly events: { paymentId: string; from: PaymentState | null; to: PaymentState }[] = [];
  /** Debits minus credits by account. */
  readonly balances = new Map<string, bigint>();
  readonly journal: Posting[] = [];
  private readonly booked = new Set<string>();
  /** Rises with everything that a view shows. */
  changes = 0;
  /** Rows that open transactions have locked. */
  readonly lockedPayments = new Set<string>();

  constructor(
    readonly clock: { nowMs: number },
    /** Called after every change, so that what must always hold is looked at there. */
    private readonly onPosting: (posting: Posting) => void = () => undefined,
  ) {}

  newId(): string {
    return randomUUID();
  }

  payment(id: string): PaymentRow {
    const row = this.payments.get(id);
    if (row === undefined) throw new Error(`there is no payment ${id}`);
    return row;
  }

  toPayment(row: PaymentRow): Payment {
    const leaseExpired = row.state === 'claimed' && row.leaseUntilMs < this.clock.nowMs;
    return { ...row, leaseExpired, answerExpired: false };
  }

  move(row: PaymentRow, to: PaymentState): void {
    if (row.state !== to && !canTransition(row.state, to))
      throw new Error(`payment ${row.id}: ${row.state} to ${to} is not a legal change`);
    this.changes += 1;
    this.events.push({ paymentId: row.id, from: row.state, to });
    row.state = to;
  }

  book(postings: readonly Posting[]): void {
    for (const posting of postings) {
      const key = `${posting.subject} ${posting.event} ${posting.round ?? 1} ${posting.leg ?? 1}`;
      if (this.booked.has(key)) throw new Error(`booked twice: ${key}`);
      if (posting.amount <= 0n) throw new Error(`booked nothing: ${key}`);
      this.booked.add(key);
      this.changes += 1;
      this.journal.push(posting);
      this.balances.set(posting.debit, (this.balances.get(posting.debit) ?? 0n) + posting.amount);
      this.balances.set(posting.credit, (this.balances.get(posting.credit) ?? 0n) - posting.amount);
      this.onPosting(posting);
    }
  }

  toStoredBatch(batch: BatchRow): StoredBatch {
    return {
      id: batch.id,
      signer: batch.signer,
      evmNonce: batch.evmNonce,
      paymentCount: batch.paymentIds.length,
      bytes: batch.bytes.map(({ id, raw, hash, maxFeePerGasWei, maxPriorityFeePerGasWei, storedAtMs }) => ({
        id,
        raw,
        hash,
        maxFeePerGasWei,
        maxPriorityFeePerGasWei,
        ageMs: this.clock.nowMs - storedAtMs,
      })),
    };
  }
}

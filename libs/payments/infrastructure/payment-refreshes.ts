import type { Pool } from 'pg';
import { Batcher } from '@tollbox/platform/database/batcher';
import { isRefusedByData } from '@tollbox/platform/database/sql-errors';
import type { Hex } from '../domain/networks';
import type { Payment } from '../domain/payment';
import type { PaymentRow } from './payment-rows';

type Progress = Pick<
  PaymentRow,
  | 'id'
  | 'state'
  | 'attempt'
  | 'lease_holder'
  | 'lease_expired'
  | 'answer_expired'
  | 'void_code'
  | 'void_retryable'
  | 'fail_reason'
  | 'transaction_hash'
  | 'settlement_transaction_id'
  | 'round'
>;

const MAX_BATCH = 500;
const MAX_WAITING = 20_000;

/** Reads how far payments have come, for all who wait at the same time with one statement. */
export class PaymentRefreshes {
  private readonly batcher = new Batcher<string, Progress | null>({
    maxSize: MAX_BATCH,
    maxInFlight: 2,
    overlapAfterMs: 100,
    maxWaiting: MAX_WAITING,
    run: (ids) => this.readAll(ids),
    isItemFault: isRefusedByData,
  });

  constructor(private readonly pool: Pool) {}

  /** Null when the payment was claimed again since: then more of it has changed than its progress. */
  async refresh(payment: Payment): Promise<Payment | null> {
    const now = await this.batcher.submit(payment.id);
    if (now === null) throw new Error(`payment ${payment.id} is gone`);
    if (now.attempt !== payment.attempt) return null;
    return {
      ...payment,
      state: now.state,
      leaseHolder: now.lease_holder,
      leaseExpired: now.lease_expired,
      answerExpired: now.answer_expired,
      voidCode: now.void_code,
      voidRetryable: now.void_retryable,
      failReason: now.fail_reason,
      transactionHash: now.transaction_hash as Hex | null,
      settlementTransactionId: now.settlement_transaction_id,
      round: now.round,
    };
  }

  private async readAll(ids: readonly string[]): Promise<(Progress | null)[]> {
    const { rows } = await this.pool.query<Progress>({
      name: 'payments.refresh',
      text: `SELECT id, state, attempt, lease_holder, coalesce(lease_expires_at < now(), false) AS lease_expired,
          coalesce(answer_expires_at < now(), false) AS answer_expired, void_code, void_retryable, fail_reason, transaction_hash,
          settlement_transaction_id, round
        FROM payments WHERE id = ANY ($1::uuid[])`,
      values: [[...new Set(ids)]],
    });
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id) ?? null);
  }
}

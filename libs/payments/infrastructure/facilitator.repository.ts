import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { facilitatorFee } from '@tollbox/ledger/domain/postings/payment';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { FacilitatorStore, Submission } from '../application/ports/facilitator';
import { LeaseLostError, type Lease } from '../application/ports/settlement-store';
import type { SettleAnswer } from '../domain/facilitator';
import type { Hex } from '../domain/networks';
import type { Payment } from '../domain/payment';
import { appendPaymentEvent, PAYMENT_COLUMNS, toPayment, type PaymentRow } from './payment-rows';
import { moneyOf } from './settlement-rows';
import { broadcastPostings } from './settlement-verdicts';

interface SubmissionRow extends PaymentRow {
  submission_id: string;
  submission_round: number;
  asks: number;
  asked_ms_ago: string;
  answer: Submission['answer'];
  answer_reason: string | null;
  answer_hash: Hex | null;
}

const toSubmission = (row: SubmissionRow): Submission => ({
  id: row.submission_id,
  payment: toPayment(row),
  round: row.submission_round,
  asks: row.asks,
  askedMsAgo: Number(row.asked_ms_ago),
  answer: row.answer,
  reason: row.answer_reason,
  transactionHash: row.answer_hash,
});

/** What was handed to a remote facilitator, in PostgreSQL. */
export class FacilitatorRepository implements FacilitatorStore {
  private turns = 0;

  constructor(
    private readonly pool: Pool,
    private readonly network: string,
    private readonly journal: Journal,
    /** What a settlement costs, as agreed with the facilitator. */
    private readonly feeAtomic: bigint,
  ) {}

  async listQueued(limit: number, except: readonly string[]): Promise<readonly Payment[]> {
    const order = this.turns++ % 2 === 0 ? 'settlement_mode, valid_before, id' : 'valid_before, id';
    const { rows } = await this.pool.query<PaymentRow>(
      `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE outcome IS NULL AND rail = 'x402' AND state = 'queued' AND network = $1 AND id <> ALL ($3::uuid[])
         AND NOT EXISTS (SELECT 1 FROM installation WHERE settlement_paused_at IS NOT NULL)
       ORDER BY ${order} LIMIT $2`,
      [this.network, limit, except],
    );
    return rows.map(toPayment);
  }

  submit(lease: Lease, payment: Payment): Promise<Submission | null> {
    return inTransaction(this.pool, async (client) => {
      await proveLease(client, lease);
      const { rowCount } = await client.query(
        `UPDATE payments SET state = 'broadcast', broadcast_at = now() WHERE id = $1 AND state = 'queued' AND round = $2`,
        [payment.id, payment.round],
      );
      if (rowCount !== 1) return null;
      const id = randomUUID();
      await client.query(
        'INSERT INTO facilitator_submissions (id, payment_id, round, fence, fee_atomic) VALUES ($1, $2, $3, $4, $5)',
        [id, payment.id, payment.round, lease.fence.toString(), this.feeAtomic.toString()],
      );
      await appendPaymentEvent(client, {
        paymentId: payment.id,
        attempt: payment.attempt,
        kind: 'broadcast',
        from: 'queued',
        to: 'broadcast',
        actor: lease.holder,
        detail: { facilitatorSubmission: id, fence: lease.fence.toString() },
      });
      await this.journal.append(client, broadcastPostings(payment));
      return {
        id,
        payment: { ...payment, state: 'broadcast' },
        round: payment.round,
        asks: 1,
        askedMsAgo: 0,
        answer: 'none',
        reason: null,
        transactionHash: null,
      };
    });
  }

  askAgain(lease: Lease, submission: Submission): Promise<Submission | null> {
    return inTransaction(this.pool, async (client) => {
      await proveLease(client, lease);
      const { rowCount } = await client.query(
        `UPDATE facilitator_submissions SET asks = asks + 1, asked_at = now(), fence = $3
         WHERE id = $1 AND asks = $2 AND closed_at IS NULL`,
        [submission.id, submission.asks, lease.fence.toString()],
      );
      return rowCount === 1 ? { ...submission, asks: submission.asks + 1, askedMsAgo: 0 } : null;
    });
  }

  async record(submission: Submission, answer: SettleAnswer): Promise<void> {
    const reason = 'reason' in answer ? answer.reason : null;
    const transactionHash = 'transactionHash' in answer ? answer.transactionHash : null;
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE facilitator_submissions SET answer = $3, reason = $4, transaction_hash = coalesce($5, transaction_hash), answered_at = now()
         WHERE id = $1 AND asks = $2`,
        [submission.id, submission.asks, answer.kind, reason, transactionHash],
      );
      if (rowCount !== 1) return;
      await appendPaymentEvent(client, {
        paymentId: submission.payment.id,
        attempt: submission.payment.attempt,
        kind: 'facilitator_answered',
        from: null,
        to: null,
        actor: 'settler',
        detail: {
          answer: answer.kind,
          ...(reason === null ? {} : { reason }),
          ...(transactionHash === null ? {} : { transactionHash }),
        },
      });
    });
  }

  async listOpen(limit: number): Promise<readonly Submission[]> {
    const { rows } = await this.pool.query<SubmissionRow>(
      `SELECT payment.*, submission.id AS submission_id, submission.round AS submission_round, submission.asks, submission.answer,
         floor(extract(epoch FROM now() - submission.asked_at) * 1000)::bigint AS asked_ms_ago,
         submission.reason AS answer_reason, submission.transaction_hash AS answer_hash
       FROM facilitator_submissions submission
       JOIN LATERAL (SELECT ${PAYMENT_COLUMNS} FROM payments WHERE payments.id = submission.payment_id) payment ON true
       WHERE submission.closed_at IS NULL AND payment.network = $1 ORDER BY submission.submitted_at LIMIT $2`,
      [this.network, limit],
    );
    return rows.map(toSubmission);
  }

  close(submission: Submission): Promise<void> {
    return inTransaction(this.pool, async (client) => {
      const { rows: payments } = await client.query<PaymentRow>(
        `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE id = $1 FOR SHARE`,
        [submission.payment.id],
      );
      const payment = payments[0];
      if (payment === undefined) throw new Error(`payment ${submission.payment.id} is gone`);
      if (payment.round === submission.round && (payment.state === 'broadcast' || payment.state === 'unknown')) return;
      const { rows } = await client.query<{ answer: Submission['answer']; transaction_hash: string | null; fee_atomic: string }>(
        `UPDATE facilitator_submissions SET closed_at = now() WHERE id = $1 AND closed_at IS NULL
         RETURNING answer, transaction_hash, fee_atomic`,
        [submission.id],
      );
      const closed = rows[0];
      if (closed === undefined || payment.round !== submission.round || payment.state !== 'settled') return;
      if (!settledByFacilitator(closed, payment.transaction_hash)) return;
      await this.journal.append(client, facilitatorFee(moneyOf(toPayment(payment)), BigInt(closed.fee_atomic)));
    });
  }
}

/** It was asked, did not refuse, and named this transaction or none. */
function settledByFacilitator(
  { answer, transaction_hash: named }: { answer: Submission['answer']; transaction_hash: string | null },
  transactionHash: string | null,
): boolean {
  if (answer === 'refused' || answer === 'not_sent') return false;
  return named === null || named === transactionHash;
}

/** Holds the lease's row until commit, so that no other process can take the lease before the record stands. */
async function proveLease(client: PoolClient, lease: Lease): Promise<void> {
  const { rowCount } = await client.query(
    'SELECT 1 FROM leases WHERE name = $1 AND holder = $2 AND fence = $3 AND expires_at > now() FOR UPDATE',
    [lease.name, lease.holder, lease.fence.toString()],
  );
  if (rowCount !== 1) throw new LeaseLostError(lease.name);
}

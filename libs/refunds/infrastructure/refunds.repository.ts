import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { refundCredited } from '@tollbox/ledger/domain/postings/refund';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import type { AuditLog } from '@tollbox/platform/audit/audit-log';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { DecisionResult, RefundActor, RefundRequest, RefundStore, RequestResult } from '../application/ports/refund-store';
import {
  decideRefund,
  type Refund,
  type RefundablePayment,
  type RefundDecision,
  type RefundLimits,
  type RefundState,
} from '../domain/refund';
import {
  appendRefundEvent,
  approvalPostings,
  moneyOf,
  REFUND_COLUMNS,
  toRefund,
  withdrawalPostings,
  type RefundRow,
} from './refund-rows';

type Accepted = Extract<RefundDecision, { kind: 'accepted' }>;

interface PaymentRow {
  state: string;
  operation: string;
  operation_id: string;
  payer: string;
  price_atomic: string;
  refunded_atomic: string;
  today_atomic: string;
  due_atomic: string;
}

/** Requests and decisions about refunds in PostgreSQL. */
export class RefundsRepository implements RefundStore {
  constructor(
    private readonly pool: Pool,
    private readonly journal: Journal,
    private readonly audit: AuditLog,
  ) {}

  request(request: RefundRequest, actor: RefundActor, limits: RefundLimits): Promise<RequestResult> {
    return inTransaction(this.pool, async (client) => {
      // One after the other: the limit of a day is a sum over all of them.
      await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('refunds', 0))`);
      const repeated = await this.repeated(client, request, actor);
      if (repeated !== null) return repeated;
      const payment = await this.payment(client, request.paymentId);
      if (payment === null) return { kind: 'no_payment' };
      const decision = decideRefund(payment, request.amountAtomic, payment.todayAtomic, limits);
      if (decision.kind !== 'accepted') return decision;
      const refund = await this.insert(client, request, actor, decision);
      if (decision.needsSecondKey) return { kind: 'requested', refund };
      return { kind: 'requested', refund: await this.carryOut(client, refund, null, actor) };
    });
  }

  approve(refundId: string, actor: RefundActor): Promise<DecisionResult> {
    return inTransaction(this.pool, async (client) => {
      const refund = await this.lock(client, refundId);
      if (refund === null) return { kind: 'not_found' };
      if (refund.requestedBy === actor.keyId) return { kind: 'same_key' };
      if (refund.state !== 'requested') return { kind: 'wrong_state', state: refund.state };
      return { kind: 'done', refund: await this.carryOut(client, refund, actor.keyId, actor) };
    });
  }

  reject(refundId: string, reason: string, actor: RefundActor): Promise<DecisionResult> {
    return inTransaction(this.pool, async (client) => {
      const refund = await this.lock(client, refundId);
      if (refund === null) return { kind: 'not_found' };
      if (refund.state !== 'requested' && refund.state !== 'queued') return { kind: 'wrong_state', state: refund.state };
      await client.query(
        `UPDATE refunds SET state = 'rejected', rejected_by = $2, rejection_reason = $3, waiting_reason = NULL, ended_at = now() WHERE id = $1`,
        [refundId, actor.keyId, reason],
      );
      if (refund.state === 'queued') await this.journal.append(client, withdrawalPostings(refund));
      await this.record(client, refund, 'rejected', 'rejected', actor, { reason });
      return { kind: 'done', refund: { ...refund, state: 'rejected' } };
    });
  }

  private async repeated(client: PoolClient, request: RefundRequest, actor: RefundActor): Promise<RequestResult | null> {
    if (request.idempotencyKey === null) return null;
    const { rows } = await client.query<RefundRow>(
      `SELECT ${REFUND_COLUMNS} FROM refunds WHERE requested_by = $1 AND idempotency_key = $2`,
      [actor.keyId, request.idempotencyKey],
    );
    if (rows[0] === undefined) return null;
    const refund = toRefund(rows[0]);
    const { paymentId, amountAtomic, kind, reason } = request;
    const isSame =
      refund.paymentId === paymentId && refund.amountAtomic === amountAtomic && refund.kind === kind && refund.reason === reason;
    return isSame ? { kind: 'repeated', refund } : { kind: 'key_reused' };
  }

  private async payment(client: PoolClient, id: string): Promise<(RefundablePayment & { todayAtomic: bigint }) | null> {
    const { rows } = await client.query<PaymentRow>(
      `SELECT state, operation, operation_id, payer, price_atomic, refunds_money_due(id) AS due_atomic,
         (SELECT coalesce(sum(amount_atomic), 0) FROM refunds WHERE payment_id = $1 AND state NOT IN ('rejected', 'failed')) AS refunded_atomic,
         (SELECT coalesce(sum(amount_atomic), 0) FROM refunds WHERE NOT needs_second_key AND state NOT IN ('rejected', 'failed')
            AND requested_at > now() - interval '24 hours') AS today_atomic
       FROM payments WHERE id = $1 FOR NO KEY UPDATE`,
      [id],
    );
    const row = rows[0];
    if (row === undefined) return null;
    return {
      id,
      state: row.state,
      operation: row.operation,
      operationId: row.operation_id,
      wallet: row.payer,
      priceAtomic: BigInt(row.price_atomic),
      refundedAtomic: BigInt(row.refunded_atomic),
      dueAtomic: BigInt(row.due_atomic),
      todayAtomic: BigInt(row.today_atomic),
    };
  }

  private async insert(
    client: PoolClient,
    request: RefundRequest,
    actor: RefundActor,
    { needsSecondKey, owedAlready }: Accepted,
  ): Promise<Refund> {
    const { rows } = await client.query<RefundRow>(
      `INSERT INTO refunds (id, payment_id, operation_id, network, asset, wallet, amount_atomic, kind, reason, state, needs_second_key,
         requested_by, idempotency_key, owed_already)
       SELECT $1, id, operation_id, network, asset, payer, $3, $4, $5, 'requested', $6, $7, $8, $9 FROM payments WHERE id = $2
       RETURNING ${REFUND_COLUMNS}`,
      [
        randomUUID(),
        request.paymentId,
        request.amountAtomic.toString(),
        request.kind,
        request.reason,
        needsSecondKey,
        actor.keyId,
        request.idempotencyKey,
        owedAlready,
      ],
    );
    if (rows[0] === undefined) throw new Error('a refund of a locked payment was not stored');
    const refund = toRefund(rows[0]);
    const detail = { amountAtomic: refund.amountAtomic.toString(), kind: refund.kind, needsSecondKey, owedAlready };
    await this.record(client, { ...refund, state: null }, 'requested', 'requested', actor, detail);
    return refund;
  }

  /** What approval means: it is owed, and a credit is given at once while a transfer is queued. */
  private async carryOut(client: PoolClient, refund: Refund, approvedBy: string | null, actor: RefundActor): Promise<Refund> {
    const state = refund.kind === 'credit' ? 'paid' : 'queued';
    const { rows } = await client.query<RefundRow>(
      `UPDATE refunds SET state = $2, approved_by = $3, approved_at = now(), ended_at = CASE WHEN $2 = 'paid' THEN now() END
       WHERE id = $1 AND state = 'requested' RETURNING ${REFUND_COLUMNS}`,
      [refund.id, state, approvedBy],
    );
    if (rows[0] === undefined) throw new Error('a locked refund has changed');
    await this.journal.append(client, approvalPostings(refund));
    // The credit account of the wallet follows the journal by trigger.
    if (refund.kind === 'credit') await this.journal.append(client, refundCredited(moneyOf(refund)));
    await this.record(client, refund, 'approved', state, actor, { secondKey: approvedBy !== null });
    return toRefund(rows[0]);
  }

  private async lock(client: PoolClient, id: string): Promise<Refund | null> {
    const { rows } = await client.query<RefundRow>(`SELECT ${REFUND_COLUMNS} FROM refunds WHERE id = $1 FOR UPDATE`, [id]);
    return rows[0] === undefined ? null : toRefund(rows[0]);
  }

  private async record(
    client: PoolClient,
    refund: { readonly id: string; readonly state: RefundState | null },
    kind: string,
    to: RefundState,
    actor: RefundActor,
    detail: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await appendRefundEvent(client, { refundId: refund.id, kind, from: refund.state, to, actor: actor.keyId, detail });
    const entry = {
      actorKind: 'staff',
      actor: actor.keyId,
      action: `refund.${kind}`,
      subjectKind: 'refund',
      subject: refund.id,
      outcome: 'ok',
      detail,
      requestId: actor.requestId,
      ip: actor.ip,
    } as const;
    await this.audit.record(entry, client);
  }
}

import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type {
  ClaimLimits,
  ClaimRef,
  ClaimResult,
  FundsAtBlock,
  NewClaim,
  PaymentStore,
  VoidVerdict,
} from '../application/ports/payment-store';
import type { Hex } from '../domain/networks';
import type { Payment, PaymentKey, StoredAnswer } from '../domain/payment';
import { RESERVING_STATES } from '../domain/payment-state';
import {
  appendPaymentEvent,
  appendPaymentEvents,
  notifyPaymentChanged,
  PAYMENT_COLUMNS,
  QUEUE_CHANNEL,
  toPayment,
  type PaymentRow,
} from './payment-rows';

/** `validBefore`, but a day from now at most: an authorization that never ends does not keep its answer for ever. */
const VALID_UNTIL = `to_timestamp(least(valid_before, extract(epoch FROM now()) + 86400)::double precision)`;

/** Payments in PostgreSQL. The database's constraints and triggers are the judge; this class only asks. */
export class PaymentsRepository implements PaymentStore {
  constructor(private readonly pool: Pool) {}

  async find(key: PaymentKey): Promise<Payment | null> {
    const { rows } = await this.pool.query<PaymentRow>({
      name: 'payments.find',
      text: `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE network = $1 AND asset = $2 AND payer = $3 AND nonce = $4`,
      values: [key.network, key.asset, key.payer, key.nonce],
    });
    return rows[0] === undefined ? null : toPayment(rows[0]);
  }

  async findById(id: string): Promise<Payment | null> {
    const { rows } = await this.pool.query<PaymentRow>({
      name: 'payments.find_by_id',
      text: `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE id = $1`,
      values: [id],
    });
    return rows[0] === undefined ? null : toPayment(rows[0]);
  }

  async readAnswer(id: string): Promise<StoredAnswer | null> {
    const { rows } = await this.pool.query<{ answer_status: number | null; answer_body: Buffer | null }>({
      name: 'payments.read_answer',
      text: 'SELECT answer_status, answer_body FROM payments WHERE id = $1',
      values: [id],
    });
    const { answer_status: status = null, answer_body: body = null } = rows[0] ?? {};
    return status === null || body === null ? null : { status, body };
  }

  async claim(claim: NewClaim, funds: FundsAtBlock, limits: ClaimLimits): Promise<ClaimResult> {
    return inTransaction(this.pool, async (client) => {
      const { network, asset, payer } = claim.key;
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`payer:${network}:${asset}:${payer}`]);
      const existing = await this.lockExisting(client, claim.key);
      const mayClaimAgain = existing?.state === 'voided' && existing.voidRetryable && existing.fingerprint === claim.fingerprint;
      if (existing !== null && !mayClaimAgain) return { kind: 'existing', payment: existing };

      const live = await this.liveReservations(client, claim.key, funds.blockNumber);
      if (live.length >= limits.maxInFlightPerPayer) return { kind: 'too_many_in_flight' };
      if (await this.hasTooManyRefused(client, claim.key, limits)) return { kind: 'too_many_refused' };
      const spent = new Set<string>(funds.spentNonces);
      const reservedAtomic = live
        .filter((one) => !spent.has(one.nonce))
        .reduce((sum, one) => sum + BigInt(one.amount_atomic), 0n);
      if (funds.balanceAtomic - reservedAtomic < claim.authorization.valueAtomic)
        return { kind: 'insufficient_funds', liveNonces: live.map((one) => one.nonce) };

      const payment =
        existing === null
          ? await this.insertClaim(client, claim, funds.blockNumber, limits)
          : await this.claimAgain(client, existing, claim, funds.blockNumber, limits);
      return { kind: 'claimed', payment };
    });
  }

  private async lockExisting(client: PoolClient, key: PaymentKey): Promise<Payment | null> {
    const { rows } = await client.query<PaymentRow>(
      `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE network = $1 AND asset = $2 AND payer = $3 AND nonce = $4 FOR UPDATE`,
      [key.network, key.asset, key.payer, key.nonce],
    );
    return rows[0] === undefined ? null : toPayment(rows[0]);
  }

  /**
   * Payments whose money was still in the balance at the block, as far as the database knows: live ones, and those that
   * settled in a later block. A live one that is in the block already counts too; the caller can name it as spent.
   */
  private async liveReservations(
    client: PoolClient,
    key: PaymentKey,
    blockNumber: bigint,
  ): Promise<{ nonce: Hex; amount_atomic: string }[]> {
    const { rows } = await client.query<{ nonce: Hex; amount_atomic: string }>(
      `SELECT nonce, amount_atomic FROM payments WHERE network = $1 AND asset = $2 AND payer = $3
         AND state = ANY ('{${RESERVING_STATES.join(',')}}'::text[])
       UNION ALL
       SELECT nonce, amount_atomic FROM payments WHERE network = $1 AND asset = $2 AND payer = $3
         AND state = 'settled' AND block_number > $4`,
      [key.network, key.asset, key.payer, blockNumber.toString()],
    );
    return rows;
  }

  /** Work whose payment the chain then refused cost the house something: a wallet gets that only so often. */
  private async hasTooManyRefused(client: PoolClient, key: PaymentKey, limits: ClaimLimits): Promise<boolean> {
    const { rows } = await client.query<{ refused: number }>(
      `SELECT count(*)::int AS refused FROM (SELECT 1 FROM payments WHERE payer = $1 AND claimed_at > now() - interval '1 hour'
         AND state = 'failed' AND network = $2 AND asset = $3 LIMIT $4) AS recent`,
      [key.payer, key.network, key.asset, limits.maxRefusedPerPayerPerHour],
    );
    return (rows[0]?.refused ?? 0) >= limits.maxRefusedPerPayerPerHour;
  }

  private async insertClaim(client: PoolClient, claim: NewClaim, atBlock: bigint, limits: ClaimLimits): Promise<Payment> {
    const { authorization } = claim;
    const { rows } = await client.query<PaymentRow>(
      `INSERT INTO payments (id, network, asset, payer, nonce, state, attempt, operation, operation_id, x402_version, pay_to, amount_atomic,
         price_atomic, valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode,
         lease_holder, lease_expires_at, claimed_at_block, fee_atomic, price_list_version)
       VALUES ($1, $2, $3, $4, $5, 'claimed', 1, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
         now() + make_interval(secs => $22::double precision / 1000), $23, $24, $25)
       RETURNING ${PAYMENT_COLUMNS}`,
      [
        randomUUID(),
        claim.key.network,
        claim.key.asset,
        claim.key.payer,
        claim.key.nonce,
        claim.operation,
        randomUUID(),
        claim.x402Version,
        authorization.to,
        authorization.valueAtomic.toString(),
        claim.priceAtomic.toString(),
        authorization.validAfter.toString(),
        authorization.validBefore.toString(),
        claim.signature,
        claim.payerKind,
        claim.fingerprint,
        claim.method,
        claim.path,
        claim.bodySha256,
        claim.settlementMode,
        limits.leaseHolder,
        limits.leaseMs,
        atBlock.toString(),
        claim.feeAtomic.toString(),
        claim.priceListVersion,
      ],
    );
    return this.recordClaim(client, rows, null);
  }

  private async claimAgain(
    client: PoolClient,
    voided: Payment,
    claim: NewClaim,
    atBlock: bigint,
    limits: ClaimLimits,
  ): Promise<Payment> {
    const { rows } = await client.query<PaymentRow>(
      `UPDATE payments SET state = 'claimed', attempt = attempt + 1, operation_id = $2, price_atomic = $3, signature = $4,
         void_code = NULL, void_retryable = false, answer_status = NULL, answer_body = NULL, answer_expires_at = NULL,
         lease_holder = $5, lease_expires_at = now() + make_interval(secs => $6::double precision / 1000),
         claimed_at = now(), claimed_at_block = $7, fee_atomic = $9, price_list_version = $10
       WHERE id = $1 AND state = 'voided' AND attempt = $8
       RETURNING ${PAYMENT_COLUMNS}`,
      [
        voided.id,
        randomUUID(),
        claim.priceAtomic.toString(),
        claim.signature,
        limits.leaseHolder,
        limits.leaseMs,
        atBlock.toString(),
        voided.attempt,
        claim.feeAtomic.toString(),
        claim.priceListVersion,
      ],
    );
    return this.recordClaim(client, rows, 'voided');
  }

  private async recordClaim(client: PoolClient, rows: PaymentRow[], from: 'voided' | null): Promise<Payment> {
    const row = rows[0];
    if (row === undefined) throw new Error('a claim under the payer lock returned no row');
    await appendPaymentEvent(client, {
      paymentId: row.id,
      attempt: row.attempt,
      kind: 'claimed',
      from,
      to: 'claimed',
      actor: row.lease_holder ?? '',
      detail: {
        operation: row.operation,
        operationId: row.operation_id,
        priceAtomic: row.price_atomic,
        amountAtomic: row.amount_atomic,
      },
    });
    return toPayment(row);
  }

  async renewLease(claim: ClaimRef, leaseMs: number): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      `UPDATE payments SET lease_expires_at = now() + make_interval(secs => $4::double precision / 1000)
       WHERE id = $1 AND state = 'claimed' AND attempt = $2 AND lease_holder = $3`,
      [claim.paymentId, claim.attempt, claim.leaseHolder, leaseMs],
    );
    return rowCount === 1;
  }

  async complete(claim: ClaimRef, answer: StoredAnswer, retentionMs: number): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      const executed = await client.query(
        `UPDATE payments SET state = 'executed', executed_at = now(), answer_status = $4, answer_body = $5, lease_holder = NULL,
           lease_expires_at = NULL,
           answer_expires_at = ${VALID_UNTIL} + make_interval(secs => $6::double precision / 1000)
         WHERE id = $1 AND state = 'claimed' AND attempt = $2 AND lease_holder = $3`,
        [claim.paymentId, claim.attempt, claim.leaseHolder, answer.status, answer.body, retentionMs],
      );
      if (executed.rowCount !== 1) return false;
      await client.query(`UPDATE payments SET state = 'queued', queued_at = now() WHERE id = $1 AND state = 'executed'`, [
        claim.paymentId,
      ]);
      const event = { paymentId: claim.paymentId, attempt: claim.attempt, actor: claim.leaseHolder };
      await appendPaymentEvents(client, [
        { ...event, kind: 'executed', from: 'claimed', to: 'executed', detail: { answerStatus: answer.status } },
        { ...event, kind: 'queued', from: 'executed', to: 'queued' },
      ]);
      await client.query('SELECT pg_notify($1, $2)', [QUEUE_CHANNEL, claim.paymentId]);
      return true;
    });
  }

  async void(claim: ClaimRef, verdict: VoidVerdict): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE payments SET state = 'voided', void_code = $4, void_retryable = $5, answer_status = $6, answer_body = $7,
           answer_expires_at = ${VALID_UNTIL}, lease_holder = NULL, lease_expires_at = NULL
         WHERE id = $1 AND state = 'claimed' AND attempt = $2 AND lease_holder = $3`,
        [
          claim.paymentId,
          claim.attempt,
          claim.leaseHolder,
          verdict.code,
          verdict.retryable,
          verdict.answer.status,
          verdict.answer.body,
        ],
      );
      if (rowCount !== 1) return false;
      await appendPaymentEvent(client, {
        paymentId: claim.paymentId,
        attempt: claim.attempt,
        kind: 'voided',
        from: 'claimed',
        to: 'voided',
        actor: verdict.actor,
        detail: { code: verdict.code, retryable: verdict.retryable },
      });
      await notifyPaymentChanged(client, claim.paymentId);
      return true;
    });
  }

  async takeOverExpiredClaim(paymentId: string, attempt: number, leaseHolder: string, leaseMs: number): Promise<ClaimRef | null> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ previous: string }>(
        `WITH before AS (SELECT id, lease_holder FROM payments WHERE id = $1 AND state = 'claimed' AND attempt = $2
           AND lease_expires_at < now() FOR UPDATE SKIP LOCKED)
         UPDATE payments SET lease_holder = $3, lease_expires_at = now() + make_interval(secs => $4::double precision / 1000)
         FROM before WHERE payments.id = before.id RETURNING before.lease_holder AS previous`,
        [paymentId, attempt, leaseHolder, leaseMs],
      );
      const taken = rows[0];
      if (taken === undefined) return null;
      await appendPaymentEvent(client, {
        paymentId,
        attempt,
        kind: 'claim_taken_over',
        from: 'claimed',
        to: 'claimed',
        actor: leaseHolder,
        detail: { previous: taken.previous },
      });
      return { paymentId, attempt, leaseHolder };
    });
  }

  async listExpiredClaims(limit: number): Promise<readonly Payment[]> {
    return this.list(`WHERE state = 'claimed' AND lease_expires_at < now() ORDER BY lease_expires_at LIMIT $1`, [limit]);
  }

  async listToRevoke(limit: number): Promise<readonly Payment[]> {
    return this.list(`WHERE state IN ('failed', 'expired') AND revoked_at IS NULL ORDER BY id LIMIT $1`, [limit]);
  }

  async markRevoked(paymentId: string): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ attempt: number }>(
        `UPDATE payments SET revoked_at = now() WHERE id = $1 AND state IN ('failed', 'expired') AND revoked_at IS NULL RETURNING attempt`,
        [paymentId],
      );
      if (rows[0] === undefined) return;
      await appendPaymentEvent(client, {
        paymentId,
        attempt: rows[0].attempt,
        kind: 'revoked',
        from: null,
        to: null,
        actor: 'settler',
      });
    });
  }

  async purgeAnswers(limit: number): Promise<number> {
    const { rowCount } = await this.pool.query(
      `UPDATE payments SET answer_body = NULL WHERE id IN (SELECT id FROM payments WHERE answer_body IS NOT NULL
         AND answer_expires_at < now() AND state NOT IN ('claimed', 'executed', 'queued', 'broadcast', 'unknown') LIMIT $1)`,
      [limit],
    );
    return rowCount ?? 0;
  }

  private async list(condition: string, values: readonly unknown[]): Promise<readonly Payment[]> {
    const { rows } = await this.pool.query<PaymentRow>(`SELECT ${PAYMENT_COLUMNS} FROM payments ${condition}`, [...values]);
    return rows.map(toPayment);
  }
}

import type { Pool } from 'pg';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type {
  ClaimLimits,
  ClaimRef,
  ClaimResult,
  FundsAtBlock,
  HeldIdentifier,
  NewClaim,
  PaymentStore,
  VoidVerdict,
} from '../application/ports/payment-store';
import type { Payment, PaymentKey, StoredAnswer } from '../domain/payment';
import { findByIdentifier } from './payment-identifiers';
import { PaymentClaims } from './payment-claims';
import { PaymentConclusions } from './payment-conclusions';
import { PaymentRefreshes } from './payment-refreshes';
import { appendPaymentEvent, PAYMENT_COLUMNS, toPayment, type PaymentRow } from './payment-rows';

/** Payments in PostgreSQL. The database's constraints and triggers are the judge; this class only asks. */
interface AnswerRow {
  answer_status: number | null;
  answer_body: Buffer | null;
  answer_media_type: string | null;
}

export class PaymentsRepository implements PaymentStore {
  private readonly claims: PaymentClaims;
  private readonly conclusions: PaymentConclusions;
  private readonly refreshes: PaymentRefreshes;

  constructor(
    private readonly pool: Pool,
    journal: Journal,
  ) {
    this.claims = new PaymentClaims(pool);
    this.conclusions = new PaymentConclusions(pool, journal);
    this.refreshes = new PaymentRefreshes(pool);
  }

  async find(key: PaymentKey): Promise<Payment | null> {
    const { rows } = await this.pool.query<PaymentRow>({
      name: 'payments.find',
      text: `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE network = $1 AND asset = $2 AND payer = $3 AND nonce = $4`,
      values: [key.network, key.asset, key.payer, key.nonce],
    });
    return rows[0] === undefined ? null : toPayment(rows[0]);
  }

  findByIdentifier(key: PaymentKey, identifier: string): Promise<HeldIdentifier | null> {
    return findByIdentifier(this.pool, key, identifier);
  }

  async findById(id: string): Promise<Payment | null> {
    const { rows } = await this.pool.query<PaymentRow>({
      name: 'payments.find_by_id',
      text: `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE id = $1`,
      values: [id],
    });
    return rows[0] === undefined ? null : toPayment(rows[0]);
  }

  async refresh(payment: Payment): Promise<Payment> {
    const now = (await this.refreshes.refresh(payment)) ?? (await this.findById(payment.id));
    if (now === null) throw new Error(`payment ${payment.id} is gone`);
    return now;
  }

  async readAnswer(id: string): Promise<StoredAnswer | null> {
    const { rows } = await this.pool.query<AnswerRow>({
      name: 'payments.read_answer',
      text: 'SELECT answer_status, answer_body, answer_media_type FROM payments WHERE id = $1',
      values: [id],
    });
    const { answer_status: status = null, answer_body: body = null, answer_media_type: mediaType = null } = rows[0] ?? {};
    return status === null || body === null ? null : { status, body, mediaType };
  }

  claim(claim: NewClaim, funds: FundsAtBlock, limits: ClaimLimits): Promise<ClaimResult> {
    return this.claims.claim({ claim, funds, limits });
  }

  complete(claim: ClaimRef, answer: StoredAnswer, retentionMs: number): Promise<boolean> {
    return this.conclusions.complete({ claim, answer, retentionMs });
  }

  void(claim: ClaimRef, verdict: VoidVerdict): Promise<boolean> {
    return this.conclusions.void({ claim, verdict });
  }

  async renewLease(claim: ClaimRef, leaseMs: number): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      `UPDATE payments SET lease_expires_at = now() + make_interval(secs => $4::double precision / 1000)
       WHERE id = $1 AND state = 'claimed' AND attempt = $2 AND lease_holder = $3`,
      [claim.paymentId, claim.attempt, claim.leaseHolder, leaseMs],
    );
    return rowCount === 1;
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
    return this.list(
      `WHERE outcome IS NULL AND state = 'claimed' AND lease_expires_at < now() ORDER BY lease_expires_at LIMIT $1`,
      [limit],
    );
  }

  async listToRevoke(limit: number): Promise<readonly Payment[]> {
    return this.list(`WHERE outcome IN ('failed', 'expired') AND revoked_at IS NULL ORDER BY id LIMIT $1`, [limit]);
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
      `UPDATE payments SET answer_body = NULL WHERE id IN (SELECT id FROM payments WHERE answer_drop_at < now()
         ORDER BY answer_drop_at LIMIT $1)`,
      [limit],
    );
    return rowCount ?? 0;
  }

  private async list(condition: string, values: readonly unknown[]): Promise<readonly Payment[]> {
    const { rows } = await this.pool.query<PaymentRow>(`SELECT ${PAYMENT_COLUMNS} FROM payments ${condition}`, [...values]);
    return rows.map(toPayment);
  }
}

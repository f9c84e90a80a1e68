import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { debtRepaid } from '@tollbox/ledger/domain/postings/credits';
import { debtPaid, TOPUP_OPERATION } from '@tollbox/ledger/domain/postings/payment';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { uuidV7 } from '@tollbox/platform/database/uuid-v7';
import type { CreditClaimResult, CreditClaims, NewCreditClaim } from '../application/ports/credit-claims';
import type { ClaimLimits } from '../application/ports/payment-store';
import { mayClaimAgain } from '../domain/claim-decision';
import { usableAtomic, type CreditStanding } from '../domain/credit-call';
import type { Payment } from '../domain/payment';
import { appendPaymentEvent, PAYMENT_COLUMNS, toPayment, type PaymentRow } from './payment-rows';
import { moneyOf } from './settlement-rows';

type Lease = Pick<ClaimLimits, 'leaseHolder' | 'leaseMs'>;

/**
 * Claims of calls on credit. Everything happens under the lock of the wallet's account row; the hold itself is made by the
 * trigger of the payments table, and the row's check has the last word.
 */
export class PostgresCreditClaims implements CreditClaims {
  constructor(
    private readonly pool: Pool,
    private readonly journal: Journal,
  ) {}

  claim(claim: NewCreditClaim, lease: Lease): Promise<CreditClaimResult> {
    return inTransaction(this.pool, async (client): Promise<CreditClaimResult> => {
      const standing = await this.lockAccount(client, claim);
      const existing = await findExisting(client, claim);
      if (existing !== null && !mayClaimAgain(existing, claim.fingerprint)) return { kind: 'existing', payment: existing };
      if (standing === null) return { kind: 'insufficient', usableAtomic: 0n };

      const left = await this.repay(client, claim.key.payer, standing);
      if (left.debtAtomic > 0n) return { kind: 'in_debt', debtAtomic: left.debtAtomic };
      const usable = usableAtomic(left);
      // A call that is claimed again costs what it cost the first time.
      if (usable < (existing?.priceAtomic ?? claim.priceAtomic)) return { kind: 'insufficient', usableAtomic: usable };
      const payment =
        existing === null ? await insertClaim(client, claim, lease) : await claimAgain(client, existing, claim, lease);
      return { kind: 'claimed', payment };
    });
  }

  /** Null when the wallet never had credits. What is pending is read after the lock, so a top-up that books waits for us. */
  private async lockAccount(client: PoolClient, { key }: NewCreditClaim): Promise<CreditStanding | null> {
    const { rows } = await client.query<Record<'balance' | 'held' | 'debt', string>>({
      name: 'credits.lock_account',
      text: `SELECT balance_atomic AS balance, held_atomic AS held, debt_atomic AS debt FROM credit_accounts WHERE wallet = $1 FOR UPDATE`,
      values: [key.payer],
    });
    const account = rows[0];
    if (account === undefined) return null;
    const pending = await client.query<{ sum: string | null }>({
      name: 'credits.pending',
      text: PENDING_CREDITS,
      values: [key.network, key.asset, key.payer],
    });
    return {
      balanceAtomic: BigInt(account.balance),
      heldAtomic: BigInt(account.held),
      debtAtomic: BigInt(account.debt),
      pendingAtomic: BigInt(pending.rows[0]?.sum ?? 0),
    };
  }

  /** Money of the wallet pays what it owes before it buys anything: released answers one by one, then what lost top-ups left. */
  private async repay(client: PoolClient, wallet: string, standing: CreditStanding): Promise<CreditStanding> {
    if (standing.debtAtomic === 0n || usableAtomic(standing) <= 0n) return standing;
    const { rows } = await client.query<PaymentRow>(
      `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE payer = $1 AND outcome = 'failed' AND settlement_mode = 'optimistic'
         AND debt_cleared_at IS NULL ORDER BY claimed_at, id LIMIT ${DEBTS_AT_ONCE} FOR UPDATE`,
      [wallet],
    );
    let left = standing;
    let otherDebtAtomic = standing.debtAtomic;
    for (const payment of rows.map(toPayment)) {
      otherDebtAtomic -= payment.priceAtomic;
      if (usableAtomic(left) < payment.priceAtomic) continue;
      await this.clearDebt(client, payment);
      left = lessDebt(left, payment.priceAtomic);
    }
    const usable = usableAtomic(left);
    const amountAtomic = usable < otherDebtAtomic ? usable : otherDebtAtomic;
    if (amountAtomic <= 0n) return left;
    await this.journal.append(client, debtRepaid(randomUUID(), wallet, amountAtomic));
    return lessDebt(left, amountAtomic);
  }

  private async clearDebt(client: PoolClient, payment: Payment): Promise<void> {
    await client.query('UPDATE payments SET debt_cleared_at = now() WHERE id = $1', [payment.id]);
    await appendPaymentEvent(client, {
      paymentId: payment.id,
      attempt: payment.attempt,
      kind: 'debt_paid',
      from: null,
      to: null,
      actor: 'credits',
      detail: { priceAtomic: payment.priceAtomic.toString() },
    });
    await this.journal.append(client, debtPaid(moneyOf(payment), 'credits'));
  }
}

/** Released answers that one claim pays for; more of them wait for the next. */
const DEBTS_AT_ONCE = 100;

const lessDebt = (standing: CreditStanding, amountAtomic: bigint): CreditStanding => ({
  ...standing,
  balanceAtomic: standing.balanceAtomic - amountAtomic,
  debtAtomic: standing.debtAtomic - amountAtomic,
});

/** Credits of payments that have not settled: top-ups, and what was paid above a price. */
export const PENDING_CREDITS = `SELECT sum(CASE WHEN operation = '${TOPUP_OPERATION}' THEN amount_atomic ELSE amount_atomic - price_atomic END) AS sum
  FROM payments WHERE network = $1 AND asset = $2 AND payer = $3 AND outcome IS NULL AND state IN ('queued', 'broadcast', 'unknown')`;

async function findExisting(client: PoolClient, { key }: NewCreditClaim): Promise<Payment | null> {
  const { rows } = await client.query<PaymentRow>(
    `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE network = $1 AND asset = $2 AND payer = $3 AND nonce = $4`,
    [key.network, key.asset, key.payer, key.nonce],
  );
  return rows[0] === undefined ? null : toPayment(rows[0]);
}

/** What only an authorization has stays empty; the answer is kept from the time of the claim. */
async function insertClaim(client: PoolClient, claim: NewCreditClaim, lease: Lease): Promise<Payment> {
  const { network, asset, payer, nonce } = claim.key;
  const { rows } = await client.query<PaymentRow>({
    name: 'credits.claim',
    text: `INSERT INTO payments (id, rail, network, asset, payer, nonce, state, attempt, operation, operation_id, x402_version, pay_to, amount_atomic,
       price_atomic, valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode,
       lease_holder, lease_expires_at, claimed_at_block, fee_atomic, price_list_version)
     VALUES ($1, 'credit', $2, $3, $4, $5, 'claimed', 1, $6, $7, 2, $8, $9, $9, 0, ceil(extract(epoch FROM now())), '0x', 'eoa', $10, $11, $12, $13,
       'confirm', $14, now() + make_interval(secs => $15::double precision / 1000), 0, $16, $17)
     RETURNING ${PAYMENT_COLUMNS}`,
    values: [
      uuidV7(),
      network,
      asset,
      payer,
      nonce,
      claim.operation,
      uuidV7(),
      claim.payTo,
      claim.priceAtomic.toString(),
      claim.fingerprint,
      claim.method,
      claim.path,
      claim.bodySha256,
      lease.leaseHolder,
      lease.leaseMs,
      claim.feeAtomic.toString(),
      claim.priceListVersion,
    ],
  });
  return recordClaim(client, rows[0], null, lease);
}

async function claimAgain(client: PoolClient, voided: Payment, claim: NewCreditClaim, lease: Lease): Promise<Payment> {
  const { rows } = await client.query<PaymentRow>(
    `UPDATE payments SET state = 'claimed', attempt = attempt + 1, operation_id = $2, void_code = NULL, void_retryable = false,
       answer_status = NULL, answer_body = NULL, answer_media_type = NULL, answer_expires_at = NULL, claimed_at = now(),
       lease_holder = $3, lease_expires_at = now() + make_interval(secs => $4::double precision / 1000)
     WHERE id = $1 AND state = 'voided' AND attempt = $5 AND fingerprint = $6
     RETURNING ${PAYMENT_COLUMNS}`,
    [voided.id, uuidV7(), lease.leaseHolder, lease.leaseMs, voided.attempt, claim.fingerprint],
  );
  return recordClaim(client, rows[0], 'voided', lease);
}

async function recordClaim(
  client: PoolClient,
  row: PaymentRow | undefined,
  from: 'voided' | null,
  lease: Lease,
): Promise<Payment> {
  if (row === undefined) throw new Error('a claim under the lock of its account returned no row');
  await appendPaymentEvent(client, {
    paymentId: row.id,
    attempt: row.attempt,
    kind: 'claimed',
    from,
    to: 'claimed',
    actor: lease.leaseHolder,
    detail: { rail: 'credit', operation: row.operation, operationId: row.operation_id, priceAtomic: row.price_atomic },
  });
  return toPayment(row);
}

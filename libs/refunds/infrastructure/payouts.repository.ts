import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { refundGas, refundGasReturned, refundPaid, refundUnpaid, refundWithdrawn } from '@tollbox/ledger/domain/postings/refund';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { acquireLease, releaseLease, type HeldLease } from '@tollbox/platform/database/leases';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { LeaseLostError, type Payout, type PayoutStore } from '../application/ports/payout-store';
import type { Hex, MinedTransfer, SignedTransfer } from '../application/ports/refund-wallet';
import type { Refund, RefundState } from '../domain/refund';
import { appendRefundEvent, moneyOf, REFUND_COLUMNS, toRefund, type RefundRow } from './refund-rows';

interface PayoutRow extends RefundRow {
  transaction_id: string;
  transaction_state: 'stored' | 'sent' | 'succeeded';
  evm_nonce: string;
  raw_transaction: Hex;
  transaction_hash: Hex;
  age_ms: number;
  sent_age_ms: number | null;
  displaced_ms: number | null;
  block_number: string | null;
  block_hash: Hex | null;
  gas_used: string | null;
  effective_gas_price_wei: string | null;
}

const ageMs = (column: string) => `(extract(epoch FROM now() - ${column}) * 1000)::double precision`;
const PAYOUTS = `SELECT ${REFUND_COLUMNS}, tx.id AS transaction_id, tx.state AS transaction_state, tx.evm_nonce, tx.raw_transaction,
    tx.transaction_hash, ${ageMs('tx.stored_at')} AS age_ms, ${ageMs('tx.sent_at')} AS sent_age_ms,
    ${ageMs('tx.displaced_at')} AS displaced_ms, tx.block_number, tx.block_hash
  FROM refund_transactions tx JOIN refunds ON refunds.id = tx.refund_id`;

/** Most payouts that one look takes. */
const PAGE = 500;
const WORKER = 'refunds';

function toPayout(row: PayoutRow): Payout {
  return {
    transactionId: row.transaction_id,
    refund: toRefund(row),
    state: row.transaction_state,
    evmNonce: BigInt(row.evm_nonce),
    raw: row.raw_transaction,
    hash: row.transaction_hash,
    ageMs: row.age_ms,
    sentAgeMs: row.sent_age_ms,
    displacedMs: row.displaced_ms,
    blockNumber: row.block_number === null ? null : BigInt(row.block_number),
    blockHash: row.block_hash,
  };
}

/** Payouts of refunds and their signed transactions in PostgreSQL. */
export class PayoutsRepository implements PayoutStore {
  constructor(
    private readonly pool: Pool,
    private readonly network: string,
    private readonly journal: Journal,
  ) {}

  acquireLease(name: string, holder: string, ttlMs: number): Promise<HeldLease | null> {
    return acquireLease(this.pool, name, holder, ttlMs);
  }

  releaseLease(lease: HeldLease): Promise<void> {
    return releaseLease(this.pool, lease);
  }

  async queued(maxAtomic: bigint, limit: number): Promise<readonly Refund[]> {
    const { rows } = await this.pool.query<RefundRow>(
      `SELECT ${REFUND_COLUMNS} FROM refunds WHERE state = 'queued' AND network = $1 AND amount_atomic <= $2 AND next_try_at <= now()
       ORDER BY requested_at, id LIMIT $3`,
      [this.network, maxAtomic.toString(), limit],
    );
    return rows.map(toRefund);
  }

  async noteTooLarge(aboveAtomic: bigint): Promise<number> {
    const { rowCount } = await this.pool.query(
      `UPDATE refunds SET waiting_reason = $3 WHERE state = 'queued' AND network = $1 AND amount_atomic > $2
         AND waiting_reason IS DISTINCT FROM $3`,
      [this.network, aboveAtomic.toString(), 'the refund wallet has too little USDC'],
    );
    return rowCount ?? 0;
  }

  async noteWaiting(refundId: string, reason: string, retryMs: number): Promise<void> {
    await this.pool.query(
      `UPDATE refunds SET waiting_reason = $2, next_try_at = now() + make_interval(secs => $3::double precision / 1000)
       WHERE id = $1 AND state = 'queued'`,
      [refundId, reason, retryMs],
    );
  }

  async nextStoredNonce(signer: Hex): Promise<bigint> {
    const { rows } = await this.pool.query<{ next: string }>(
      `SELECT coalesce(max(evm_nonce) + 1, 0)::text AS next FROM refund_transactions WHERE network = $1 AND signer = $2 AND state <> 'dropped'`,
      [this.network, signer],
    );
    return BigInt(rows[0]?.next ?? 0);
  }

  storePayout(lease: HeldLease, refund: Refund, signer: Hex, evmNonce: bigint, signed: SignedTransfer): Promise<Payout | null> {
    return inTransaction(this.pool, async (client) => {
      await this.proveLease(client, lease);
      const { rows } = await client.query<RefundRow>(
        `UPDATE refunds SET state = 'broadcast', waiting_reason = NULL, transaction_hash = $2 WHERE id = $1 AND state = 'queued'
         RETURNING ${REFUND_COLUMNS}`,
        [refund.id, signed.hash],
      );
      if (rows[0] === undefined) return null;
      const transactionId = randomUUID();
      await client.query(
        `INSERT INTO refund_transactions (id, refund_id, network, signer, evm_nonce, fence, raw_transaction, transaction_hash, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'stored')`,
        [transactionId, refund.id, this.network, signer, evmNonce.toString(), lease.fence.toString(), signed.raw, signed.hash],
      );
      const detail = { transactionHash: signed.hash, evmNonce: evmNonce.toString(), fence: lease.fence.toString() };
      await appendRefundEvent(client, { ...event(refund, 'stored', 'broadcast'), actor: lease.holder, detail });
      return {
        transactionId,
        refund: toRefund(rows[0]),
        state: 'stored',
        evmNonce,
        ...signed,
        ageMs: 0,
        sentAgeMs: null,
        displacedMs: null,
        blockNumber: null,
        blockHash: null,
      };
    });
  }

  /** Holds the lease's row until commit, so that no other process can take the lease before the bytes are stored. */
  private async proveLease(client: PoolClient, lease: HeldLease): Promise<void> {
    const { rowCount } = await client.query(
      'SELECT 1 FROM leases WHERE name = $1 AND holder = $2 AND fence = $3 AND expires_at > now() FOR UPDATE',
      [lease.name, lease.holder, lease.fence.toString()],
    );
    if (rowCount !== 1) throw new LeaseLostError(lease.name);
  }

  async markSent(payout: Payout): Promise<void> {
    await this.pool.query(
      `UPDATE refund_transactions SET state = 'sent', sent_at = now() WHERE id = $1 AND state IN ('stored', 'sent')`,
      [payout.transactionId],
    );
  }

  async open(signer: Hex): Promise<readonly Payout[]> {
    const { rows } = await this.pool.query<PayoutRow>(
      `${PAYOUTS} WHERE tx.network = $1 AND tx.signer = $2 AND tx.state IN ('stored', 'sent') ORDER BY tx.evm_nonce LIMIT ${PAGE}`,
      [this.network, signer],
    );
    return rows.map(toPayout);
  }

  markPaid(payout: Payout, mined: MinedTransfer): Promise<void> {
    return this.end(payout, 'paid', mined, async (client) => {
      const money = moneyOf(payout.refund);
      await this.journal.append(client, [...refundPaid(money), ...refundGas(money, gasWei(mined))]);
    });
  }

  markReverted(payout: Payout, mined: MinedTransfer): Promise<void> {
    return this.end(payout, 'failed', mined, async (client) => {
      const money = moneyOf(payout.refund);
      await this.journal.append(client, [...refundWithdrawn(money), ...refundGas(money, gasWei(mined))]);
    });
  }

  private async end(
    payout: Payout,
    state: 'paid' | 'failed',
    mined: MinedTransfer,
    book: (client: PoolClient) => Promise<void>,
  ): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE refunds SET state = $2, block_number = $3, ended_at = now(), fail_reason = $4
         WHERE id = $1 AND state IN ('broadcast', 'unknown') AND transaction_hash = $5`,
        [
          payout.refund.id,
          state,
          mined.blockNumber.toString(),
          state === 'failed' ? 'the transaction was reverted' : null,
          payout.hash,
        ],
      );
      if (rowCount !== 1) return;
      await this.storeInclusion(client, payout, mined, state === 'paid' ? 'succeeded' : 'reverted');
      await book(client);
      const detail = { transactionHash: payout.hash, blockNumber: mined.blockNumber.toString() };
      await appendRefundEvent(client, { ...event(payout.refund, state, state), detail });
    });
  }

  private async storeInclusion(client: PoolClient, payout: Payout, mined: MinedTransfer, state: string): Promise<void> {
    await client.query(
      `UPDATE refund_transactions SET state = $2, block_number = $3, block_hash = $4, gas_used = $5, effective_gas_price_wei = $6,
         resolved_at = now() WHERE id = $1`,
      [
        payout.transactionId,
        state,
        mined.blockNumber.toString(),
        mined.blockHash,
        mined.gasUsed.toString(),
        mined.effectiveGasPriceWei.toString(),
      ],
    );
  }

  async markUnknown(payout: Payout): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(`UPDATE refunds SET state = 'unknown' WHERE id = $1 AND state = 'broadcast'`, [
        payout.refund.id,
      ]);
      if (rowCount === 1) await appendRefundEvent(client, event(payout.refund, 'unknown', 'unknown'));
    });
  }

  async noteDisplaced(payout: Payout): Promise<void> {
    await this.pool.query(`UPDATE refund_transactions SET displaced_at = now() WHERE id = $1 AND displaced_at IS NULL`, [
      payout.transactionId,
    ]);
  }

  async markDropped(payout: Payout): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE refunds SET state = 'queued', round = round + 1, transaction_hash = NULL
         WHERE id = $1 AND state IN ('broadcast', 'unknown') AND transaction_hash = $2`,
        [payout.refund.id, payout.hash],
      );
      if (rowCount !== 1) return;
      await client.query(`UPDATE refund_transactions SET state = 'dropped', resolved_at = now() WHERE id = $1`, [
        payout.transactionId,
      ]);
      const detail = { transactionHash: payout.hash, evmNonce: payout.evmNonce.toString() };
      await appendRefundEvent(client, { ...event(payout.refund, 'displaced', 'queued'), detail });
    });
  }

  async paidSince(signer: Hex, blockNumber: bigint): Promise<readonly Payout[]> {
    const { rows } = await this.pool.query<PayoutRow>(
      `${PAYOUTS} WHERE tx.network = $1 AND tx.signer = $2 AND tx.state = 'succeeded' AND tx.block_number >= $3
       ORDER BY tx.block_number LIMIT ${PAGE}`,
      [this.network, signer, blockNumber.toString()],
    );
    return rows.map(toPayout);
  }

  async moveToBlock(payout: Payout, mined: MinedTransfer): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(`UPDATE refunds SET block_number = $2 WHERE id = $1 AND state = 'paid'`, [
        payout.refund.id,
        mined.blockNumber.toString(),
      ]);
      if (rowCount !== 1) return;
      await this.storeInclusion(client, payout, mined, 'succeeded');
      const detail = { blockNumber: mined.blockNumber.toString(), blockHash: mined.blockHash };
      await appendRefundEvent(client, { ...event(payout.refund, 'moved', null), detail });
    });
  }

  async reopen(payout: Payout): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE refunds SET state = 'broadcast', round = round + 1, block_number = NULL, ended_at = NULL
         WHERE id = $1 AND state = 'paid' AND round = $2`,
        [payout.refund.id, payout.refund.round],
      );
      if (rowCount !== 1) return;
      const { rows } = await client.query<{ gas_wei: string }>(
        `SELECT (gas_used * effective_gas_price_wei)::text AS gas_wei FROM refund_transactions WHERE id = $1`,
        [payout.transactionId],
      );
      await client.query(
        `UPDATE refund_transactions SET state = 'sent', block_number = NULL, block_hash = NULL, gas_used = NULL,
           effective_gas_price_wei = NULL, resolved_at = NULL WHERE id = $1`,
        [payout.transactionId],
      );
      const money = moneyOf(payout.refund);
      await this.journal.append(client, [...refundUnpaid(money), ...refundGasReturned(money, BigInt(rows[0]?.gas_wei ?? 0))]);
      const detail = { transactionHash: payout.hash, blockNumber: String(payout.blockNumber) };
      await appendRefundEvent(client, { ...event(payout.refund, 'block_lost', 'broadcast'), detail });
    });
  }
}

const gasWei = (mined: MinedTransfer): bigint => mined.gasUsed * mined.effectiveGasPriceWei;

const event = (refund: Refund, kind: string, to: RefundState | null) => ({
  refundId: refund.id,
  kind,
  from: refund.state,
  to,
  actor: WORKER,
});

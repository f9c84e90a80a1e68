import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { refundGas, refundGasReturned, refundPaid, refundUnpaid } from '@tollbox/ledger/domain/postings/refund';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { acquireLease, releaseLease, type HeldLease } from '@tollbox/platform/database/leases';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { LeaseLostError, newestOf, type Payout, type PayoutBytes, type PayoutStore } from '../application/ports/payout-store';
import type { Hex, MinedTransfer, SignedTransfer } from '../application/ports/refund-wallet';
import type { Refund, RefundState } from '../domain/refund';
import { appendRefundEvent, moneyOf, REFUND_COLUMNS, toRefund, withdrawalPostings, type RefundRow } from './refund-rows';

interface PayoutRow extends RefundRow {
  evm_nonce: string;
  displaced_ms: number | null;
  block_number: string | null;
  block_hash: Hex | null;
  bytes: { id: string; state: PayoutBytes['state']; raw: Hex; hash: Hex; age_ms: number; sent_age_ms: number | null }[];
}

const ageMs = (column: string) => `(extract(epoch FROM now() - ${column}) * 1000)::double precision`;
/** One row for each nonce: `first` are the bytes that it was first used for, `tx` all of them. */
const PAYOUTS = `SELECT ${REFUND_COLUMNS}, first.evm_nonce, ${ageMs('first.displaced_at')} AS displaced_ms, mined.block_number, mined.block_hash, all_bytes.bytes
  FROM refund_transactions first
  JOIN refunds ON refunds.id = first.refund_id
  CROSS JOIN LATERAL (
    SELECT json_agg(json_build_object('id', tx.id, 'state', tx.state, 'raw', tx.raw_transaction, 'hash', tx.transaction_hash,
      'age_ms', ${ageMs('tx.stored_at')}, 'sent_age_ms', ${ageMs('tx.sent_at')}) ORDER BY tx.replacement) AS bytes
    FROM refund_transactions tx WHERE tx.refund_id = first.refund_id AND tx.evm_nonce = first.evm_nonce AND tx.signer = first.signer
      AND tx.network = first.network AND tx.state <> 'dropped') AS all_bytes
  LEFT JOIN refund_transactions mined ON mined.refund_id = first.refund_id AND mined.evm_nonce = first.evm_nonce
    AND mined.signer = first.signer AND mined.network = first.network AND mined.state = 'succeeded'
  WHERE first.replacement = 0 AND first.network = $1 AND first.signer = $2`;

/** Most payouts that one look takes. */
const PAGE = 500;
const WORKER = 'refunds';

function toPayout(row: PayoutRow): Payout {
  return {
    refund: toRefund(row),
    evmNonce: BigInt(row.evm_nonce),
    bytes: row.bytes.map(({ id, state, raw, hash, age_ms: age, sent_age_ms: sentAge }) => ({
      transactionId: id,
      state,
      raw,
      hash,
      ageMs: age,
      sentAgeMs: sentAge,
    })),
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
        refund: toRefund(rows[0]),
        evmNonce,
        bytes: [justStored(transactionId, signed)],
        displacedMs: null,
        blockNumber: null,
        blockHash: null,
      };
    });
  }

  storeReplacement(lease: HeldLease, payout: Payout, signer: Hex, signed: SignedTransfer): Promise<Payout | null> {
    return inTransaction(this.pool, async (client) => {
      await this.proveLease(client, lease);
      const { rowCount } = await client.query(
        `UPDATE refunds SET transaction_hash = $2 WHERE id = $1 AND state IN ('broadcast', 'unknown') AND round = $3`,
        [payout.refund.id, signed.hash, payout.refund.round],
      );
      if (rowCount !== 1) return null;
      const transactionId = randomUUID();
      const evmNonce = payout.evmNonce.toString();
      await client.query(
        `INSERT INTO refund_transactions (id, refund_id, network, signer, evm_nonce, replacement, fence, raw_transaction, transaction_hash, state)
         SELECT $1, $2, $3, $4, $5, max(replacement) + 1, $6, $7, $8, 'stored' FROM refund_transactions
         WHERE refund_id = $2 AND evm_nonce = $5 AND signer = $4 AND network = $3 AND state <> 'dropped'`,
        [transactionId, payout.refund.id, this.network, signer, evmNonce, lease.fence.toString(), signed.raw, signed.hash],
      );
      const detail = { transactionHash: signed.hash, evmNonce, fence: lease.fence.toString() };
      await appendRefundEvent(client, { ...event(payout.refund, 'price_raised', null), actor: lease.holder, detail });
      return { ...payout, bytes: [...payout.bytes, justStored(transactionId, signed)] };
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

  async markSent(bytes: PayoutBytes): Promise<void> {
    await this.pool.query(
      `UPDATE refund_transactions SET state = 'sent', sent_at = now() WHERE id = $1 AND state IN ('stored', 'sent')`,
      [bytes.transactionId],
    );
  }

  async open(signer: Hex): Promise<readonly Payout[]> {
    const { rows } = await this.pool.query<PayoutRow>(
      `${PAYOUTS} AND first.state IN ('stored', 'sent') ORDER BY first.evm_nonce LIMIT ${PAGE}`,
      [this.network, signer],
    );
    return rows.map(toPayout);
  }

  markPaid(payout: Payout, bytes: PayoutBytes, mined: MinedTransfer): Promise<void> {
    return this.end(payout, bytes, 'paid', mined, async (client) => {
      const money = moneyOf(payout.refund);
      await this.journal.append(client, [...refundPaid(money), ...refundGas(money, gasWei(mined))]);
    });
  }

  markReverted(payout: Payout, bytes: PayoutBytes, mined: MinedTransfer): Promise<void> {
    return this.end(payout, bytes, 'failed', mined, async (client) => {
      const money = moneyOf(payout.refund);
      await this.journal.append(client, [...withdrawalPostings(payout.refund), ...refundGas(money, gasWei(mined))]);
    });
  }

  private async end(
    payout: Payout,
    bytes: PayoutBytes,
    state: 'paid' | 'failed',
    mined: MinedTransfer,
    book: (client: PoolClient) => Promise<void>,
  ): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE refunds SET state = $2, block_number = $3, ended_at = now(), fail_reason = $4, transaction_hash = $5
         WHERE id = $1 AND state IN ('broadcast', 'unknown') AND round = $6`,
        [
          payout.refund.id,
          state,
          mined.blockNumber.toString(),
          state === 'failed' ? 'the transaction was reverted' : null,
          bytes.hash,
          payout.refund.round,
        ],
      );
      if (rowCount !== 1) return;
      await client.query(
        `UPDATE refund_transactions SET state = 'replaced', resolved_at = now()
         WHERE refund_id = $1 AND evm_nonce = $2 AND id <> $3 AND state IN ('stored', 'sent')`,
        [payout.refund.id, payout.evmNonce.toString(), bytes.transactionId],
      );
      await this.storeInclusion(client, bytes, mined, state === 'paid' ? 'succeeded' : 'reverted');
      await book(client);
      const detail = { transactionHash: bytes.hash, blockNumber: mined.blockNumber.toString() };
      await appendRefundEvent(client, { ...event(payout.refund, state, state), detail });
    });
  }

  private async storeInclusion(client: PoolClient, bytes: PayoutBytes, mined: MinedTransfer, state: string): Promise<void> {
    await client.query(
      `UPDATE refund_transactions SET state = $2, block_number = $3, block_hash = $4, gas_used = $5, effective_gas_price_wei = $6,
         resolved_at = now() WHERE id = $1`,
      [
        bytes.transactionId,
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
    await this.pool.query(
      `UPDATE refund_transactions SET displaced_at = now()
       WHERE refund_id = $1 AND evm_nonce = $2 AND state IN ('stored', 'sent') AND displaced_at IS NULL`,
      [payout.refund.id, payout.evmNonce.toString()],
    );
  }

  async markDropped(payout: Payout): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(
        `UPDATE refunds SET state = 'queued', round = round + 1, transaction_hash = NULL
         WHERE id = $1 AND state IN ('broadcast', 'unknown') AND round = $2`,
        [payout.refund.id, payout.refund.round],
      );
      if (rowCount !== 1) return;
      await client.query(
        `UPDATE refund_transactions SET state = 'dropped', resolved_at = now()
         WHERE refund_id = $1 AND evm_nonce = $2 AND state IN ('stored', 'sent')`,
        [payout.refund.id, payout.evmNonce.toString()],
      );
      const detail = { transactionHash: newestOf(payout).hash, evmNonce: payout.evmNonce.toString() };
      await appendRefundEvent(client, { ...event(payout.refund, 'displaced', 'queued'), detail });
    });
  }

  async paidSince(signer: Hex, blockNumber: bigint): Promise<readonly Payout[]> {
    const { rows } = await this.pool.query<PayoutRow>(
      `${PAYOUTS} AND mined.block_number >= $3 ORDER BY mined.block_number LIMIT ${PAGE}`,
      [this.network, signer, blockNumber.toString()],
    );
    return rows.map(toPayout);
  }

  async moveToBlock(payout: Payout, bytes: PayoutBytes, mined: MinedTransfer): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(`UPDATE refunds SET block_number = $2 WHERE id = $1 AND state = 'paid'`, [
        payout.refund.id,
        mined.blockNumber.toString(),
      ]);
      if (rowCount !== 1) return;
      await this.storeInclusion(client, bytes, mined, 'succeeded');
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
      const nonce = [payout.refund.id, payout.evmNonce.toString()];
      const { rows } = await client.query<{ gas_wei: string }>(
        `SELECT (gas_used * effective_gas_price_wei)::text AS gas_wei FROM refund_transactions
         WHERE refund_id = $1 AND evm_nonce = $2 AND state = 'succeeded'`,
        nonce,
      );
      await client.query(
        `UPDATE refund_transactions SET state = 'sent', block_number = NULL, block_hash = NULL, gas_used = NULL,
           effective_gas_price_wei = NULL, resolved_at = NULL
         WHERE refund_id = $1 AND evm_nonce = $2 AND state IN ('succeeded', 'replaced')`,
        nonce,
      );
      const money = moneyOf(payout.refund);
      await this.journal.append(client, [...refundUnpaid(money), ...refundGasReturned(money, BigInt(rows[0]?.gas_wei ?? 0))]);
      const lost = payout.bytes.find(({ state }) => state === 'succeeded');
      const detail = { transactionHash: lost?.hash, blockNumber: String(payout.blockNumber) };
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

const justStored = (transactionId: string, { raw, hash }: SignedTransfer): PayoutBytes => ({
  transactionId,
  state: 'stored',
  raw,
  hash,
  ageMs: 0,
  sentAgeMs: null,
});

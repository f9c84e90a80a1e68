import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { acquireLease, releaseLease } from '@tollbox/platform/database/leases';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { MinedTransaction, SignedTransaction } from '../application/ports/evm-chain';
import {
  LeaseLostError,
  type Inclusion,
  type Lease,
  type MinedRecord,
  type SettlementStore,
  type StoredTransaction,
} from '../application/ports/settlement-store';
import type { Hex } from '../domain/networks';
import type { Payment } from '../domain/payment';
import type { PaymentState } from '../domain/payment-state';
import {
  appendPaymentEvent,
  appendPaymentEvents,
  notifyPaymentChanged,
  PAYMENT_COLUMNS,
  QUEUE_CHANNEL,
  toPayment,
  type PaymentRow,
} from './payment-rows';

interface TransactionRow {
  id: string;
  signer: Hex;
  evm_nonce: string;
  raw_transaction: Hex;
  transaction_hash: Hex;
  state: 'stored' | 'sent';
  age_ms: string;
}

const TRANSACTION_COLUMNS = `id, signer, evm_nonce, raw_transaction, transaction_hash, state,
  floor(extract(epoch FROM now() - stored_at) * 1000)::bigint AS age_ms`;

const toTransaction = (row: TransactionRow): StoredTransaction => ({
  id: row.id,
  signer: row.signer,
  evmNonce: BigInt(row.evm_nonce),
  raw: row.raw_transaction,
  hash: row.transaction_hash,
  state: row.state,
  ageMs: Number(row.age_ms),
});

interface StateChange {
  readonly to: PaymentState;
  readonly kind: string;
  /** Assignments beside the state, with placeholders from $4 on. */
  readonly set: string;
  readonly values: readonly unknown[];
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The settlement queue, its leases and its signed transactions in PostgreSQL. */
export class SettlementRepository implements SettlementStore {
  constructor(
    private readonly pool: Pool,
    private readonly network: string,
  ) {}

  acquireLease(name: string, holder: string, ttlMs: number): Promise<Lease | null> {
    return acquireLease(this.pool, name, holder, ttlMs);
  }

  releaseLease(lease: Lease): Promise<void> {
    return releaseLease(this.pool, lease);
  }

  async listQueued(limit: number): Promise<readonly Payment[]> {
    return this.listPayments(`WHERE state = 'queued' AND network = $1 ORDER BY valid_before, id LIMIT $2`, [this.network, limit]);
  }

  async listUnresolvedTransactions(signer: Hex): Promise<readonly StoredTransaction[]> {
    const { rows } = await this.pool.query<TransactionRow>(
      `SELECT ${TRANSACTION_COLUMNS} FROM settlement_transactions
       WHERE network = $1 AND signer = $2 AND state IN ('stored', 'sent') ORDER BY evm_nonce`,
      [this.network, signer],
    );
    return rows.map(toTransaction);
  }

  async highestNonce(signer: Hex): Promise<bigint | null> {
    const { rows } = await this.pool.query<{ highest: string | null }>(
      `SELECT max(evm_nonce) AS highest FROM settlement_transactions WHERE network = $1 AND signer = $2 AND state <> 'dropped'`,
      [this.network, signer],
    );
    return rows[0]?.highest == null ? null : BigInt(rows[0].highest);
  }

  async paymentsOf(settlementTransactionId: string): Promise<readonly Payment[]> {
    return this.listPayments('WHERE settlement_transaction_id = $1', [settlementTransactionId]);
  }

  async storeTransaction(
    lease: Lease,
    paymentId: string,
    transaction: SignedTransaction & { signer: Hex; evmNonce: bigint },
  ): Promise<StoredTransaction | null> {
    return inTransaction(this.pool, async (client) => {
      await this.proveLease(client, lease);
      const { rows: queued } = await client.query<{ attempt: number }>(
        `SELECT attempt FROM payments WHERE id = $1 AND state = 'queued' FOR UPDATE`,
        [paymentId],
      );
      if (queued[0] === undefined) return null;
      const { rows } = await client.query<TransactionRow>(
        `INSERT INTO settlement_transactions (id, network, signer, evm_nonce, fence, raw_transaction, transaction_hash, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'stored') RETURNING ${TRANSACTION_COLUMNS}`,
        [
          randomUUID(),
          this.network,
          transaction.signer,
          transaction.evmNonce.toString(),
          lease.fence.toString(),
          transaction.raw,
          transaction.hash,
        ],
      );
      const stored = rows[0];
      if (stored === undefined) throw new Error('an inserted transaction returned no row');
      await client.query(
        `UPDATE payments SET state = 'broadcast', settlement_transaction_id = $2, broadcast_at = now() WHERE id = $1`,
        [paymentId, stored.id],
      );
      await appendPaymentEvent(client, {
        paymentId,
        attempt: queued[0].attempt,
        kind: 'broadcast',
        from: 'queued',
        to: 'broadcast',
        actor: lease.holder,
        detail: {
          transactionHash: transaction.hash,
          signer: transaction.signer,
          evmNonce: transaction.evmNonce.toString(),
          fence: lease.fence.toString(),
        },
      });
      return toTransaction(stored);
    });
  }

  /** Holds the lease's row until commit, so that no other process can take the lease before the bytes are stored. */
  private async proveLease(client: PoolClient, lease: Lease): Promise<void> {
    const { rowCount } = await client.query(
      'SELECT 1 FROM leases WHERE name = $1 AND holder = $2 AND fence = $3 AND expires_at > now() FOR UPDATE',
      [lease.name, lease.holder, lease.fence.toString()],
    );
    if (rowCount !== 1) throw new LeaseLostError(lease.name);
  }

  async markSent(transactionId: string): Promise<void> {
    await this.pool.query(
      `UPDATE settlement_transactions SET state = 'sent', sent_at = now() WHERE id = $1 AND state = 'stored'`,
      [transactionId],
    );
  }

  async markMined(transactionId: string, mined: MinedTransaction): Promise<void> {
    await this.pool.query(
      `UPDATE settlement_transactions SET state = $2, block_number = $3, block_hash = $4, gas_used = $5, effective_gas_price_wei = $6,
         resolved_at = now() WHERE id = $1`,
      [
        transactionId,
        mined.succeeded ? 'succeeded' : 'reverted',
        mined.blockNumber.toString(),
        mined.blockHash,
        mined.gasUsed.toString(),
        mined.effectiveGasPriceWei.toString(),
      ],
    );
  }

  async markDropped(transactionId: string): Promise<void> {
    await this.pool.query(
      `UPDATE settlement_transactions SET state = 'dropped', resolved_at = now() WHERE id = $1 AND state IN ('stored', 'sent')`,
      [transactionId],
    );
  }

  settle(payment: Payment, inclusion: Inclusion): Promise<boolean> {
    return this.change(payment, {
      to: 'settled',
      kind: 'settled',
      set: 'transaction_hash = $4, block_number = $5, block_hash = $6, settled_at = now(), fail_reason = NULL',
      values: [inclusion.transactionHash, inclusion.blockNumber.toString(), inclusion.blockHash],
      detail: { transactionHash: inclusion.transactionHash, blockNumber: inclusion.blockNumber.toString() },
    });
  }

  fail(payment: Payment, reason: string): Promise<boolean> {
    return this.change(payment, { to: 'failed', kind: 'failed', set: 'fail_reason = $4', values: [reason], detail: { reason } });
  }

  expire(payment: Payment, reason: string): Promise<boolean> {
    return this.change(payment, {
      to: 'expired',
      kind: 'expired',
      set: 'fail_reason = $4, transaction_hash = NULL, block_number = NULL, block_hash = NULL, settled_at = NULL',
      values: [reason],
      detail: { reason },
    });
  }

  markUnknown(payment: Payment): Promise<boolean> {
    return this.change(payment, { to: 'unknown', kind: 'outcome_unknown', set: 'settled_at = NULL', values: [], detail: {} });
  }

  requeue(payment: Payment, reason: string): Promise<boolean> {
    return this.change(payment, {
      to: 'queued',
      kind: 'requeued',
      set: 'queued_at = now(), settlement_transaction_id = NULL, transaction_hash = NULL, block_number = NULL, block_hash = NULL, settled_at = NULL, fail_reason = $4',
      values: [reason],
      detail: { reason },
    });
  }

  async listMinedSince(blockNumber: bigint, limit: number): Promise<readonly MinedRecord[]> {
    const { rows } = await this.pool.query<{ id: string; block_number: string; block_hash: Hex }>(
      `SELECT id, block_number, block_hash FROM settlement_transactions
       WHERE network = $1 AND state IN ('succeeded', 'reverted') AND block_number >= $2 ORDER BY block_number DESC LIMIT $3`,
      [this.network, blockNumber.toString(), limit],
    );
    return rows.map((row) => ({ id: row.id, blockNumber: BigInt(row.block_number), blockHash: row.block_hash }));
  }

  async listSettledByOthersSince(
    blockNumber: bigint,
    limit: number,
  ): Promise<readonly (Payment & { blockNumber: bigint; blockHash: Hex })[]> {
    const { rows } = await this.pool.query<PaymentRow>(
      `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE state = 'settled' AND network = $1 AND block_number >= $2
         AND NOT EXISTS (SELECT 1 FROM settlement_transactions ours WHERE ours.transaction_hash = payments.transaction_hash)
       ORDER BY block_number DESC LIMIT $3`,
      [this.network, blockNumber.toString(), limit],
    );
    return rows.flatMap((row) =>
      row.block_number === null || row.block_hash === null
        ? []
        : [{ ...toPayment(row), blockNumber: BigInt(row.block_number), blockHash: row.block_hash as Hex }],
    );
  }

  async reopenTransaction(record: MinedRecord): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ transaction_hash: Hex }>(
        `UPDATE settlement_transactions SET state = 'sent', block_number = NULL, block_hash = NULL, gas_used = NULL,
           effective_gas_price_wei = NULL, resolved_at = NULL
         WHERE id = $1 AND block_hash = $2 AND state IN ('succeeded', 'reverted') RETURNING transaction_hash`,
        [record.id, record.blockHash],
      );
      if (rows[0] === undefined) return;
      const detail = {
        reason: 'block_lost',
        transactionHash: rows[0].transaction_hash,
        blockNumber: record.blockNumber.toString(),
      };
      const { rows: lost } = await client.query<{ id: string; attempt: number }>(
        `UPDATE payments SET state = 'queued', queued_at = now(), settlement_transaction_id = $1, transaction_hash = NULL,
           block_number = NULL, block_hash = NULL, settled_at = NULL
         WHERE state = 'settled' AND network = $2 AND transaction_hash = $3 RETURNING id, attempt`,
        [record.id, this.network, rows[0].transaction_hash],
      );
      await client.query(`UPDATE payments SET state = 'broadcast' WHERE id = ANY ($1::uuid[])`, [
        lost.map((payment) => payment.id),
      ]);
      for (const payment of lost) {
        const event = { paymentId: payment.id, attempt: payment.attempt, actor: 'settler', detail };
        await appendPaymentEvents(client, [
          { ...event, kind: 'block_lost', from: 'settled', to: 'queued' },
          { ...event, kind: 'broadcast', from: 'queued', to: 'broadcast' },
        ]);
        await notifyPaymentChanged(client, payment.id);
      }
    });
  }

  /** Compare-and-set from the state that the caller saw; false when it has changed since. */
  private async change(payment: Payment, change: StateChange): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query(`UPDATE payments SET state = $3, ${change.set} WHERE id = $1 AND state = $2`, [
        payment.id,
        payment.state,
        change.to,
        ...change.values,
      ]);
      if (rowCount !== 1) return false;
      await appendPaymentEvent(client, {
        paymentId: payment.id,
        attempt: payment.attempt,
        kind: change.kind,
        from: payment.state,
        to: change.to,
        actor: 'settler',
        detail: change.detail,
      });
      await notifyPaymentChanged(client, payment.id);
      if (change.to === 'queued') await client.query('SELECT pg_notify($1, $2)', [QUEUE_CHANNEL, payment.id]);
      return true;
    });
  }

  private async listPayments(condition: string, values: readonly unknown[]): Promise<readonly Payment[]> {
    const { rows } = await this.pool.query<PaymentRow>(`SELECT ${PAYMENT_COLUMNS} FROM payments ${condition}`, [...values]);
    return rows.map(toPayment);
  }
}

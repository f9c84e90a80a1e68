import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { acquireLease, releaseLease } from '@tollbox/platform/database/leases';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { MinedTransaction } from '../application/ports/evm-chain';
import {
  LeaseLostError,
  type Lease,
  type MinedRecord,
  type QueuedPayment,
  type QueueOrder,
  type QueueSelection,
  type SettlementStore,
  type StoreBatch,
  type StoredBatch,
  type StoredBytes,
  type Verdict,
} from '../application/ports/settlement-store';
import type { SignedTransaction } from '../application/ports/settlement-wallet';
import type { Hex } from '../domain/networks';
import type { Payment } from '../domain/payment';
import { PAYMENT_COLUMNS, toPayment, type PaymentRow } from './payment-rows';
import { SettlementReorgs } from './settlement-reorgs';
import { BYTES_COLUMNS, OPEN_OF_BATCH, toBatches, type BytesRow } from './settlement-rows';
import { broadcastPostings, SettlementVerdicts } from './settlement-verdicts';

const ORDER: Readonly<Record<QueueOrder, string>> = {
  waiting_payers_first: 'settlement_mode, valid_before, id', // 'confirm' sorts before 'optimistic'
  deadline_first: 'valid_before, id',
};

/** Given-up transactions that are looked for at once. */
const MAX_DROPPED = 200;

/** The settlement queue, its leases and its signed transactions in PostgreSQL. */
export class SettlementRepository implements SettlementStore {
  private readonly verdicts: SettlementVerdicts;
  private readonly reorgs: SettlementReorgs;

  constructor(
    private readonly pool: Pool,
    private readonly network: string,
    private readonly journal: Journal,
  ) {
    this.verdicts = new SettlementVerdicts(pool, journal);
    this.reorgs = new SettlementReorgs(pool, network, journal);
  }

  acquireLease(name: string, holder: string, ttlMs: number): Promise<Lease | null> {
    return acquireLease(this.pool, name, holder, ttlMs);
  }

  releaseLease(lease: Lease): Promise<void> {
    return releaseLease(this.pool, lease);
  }

  async takeQueued<T>(
    selection: QueueSelection,
    work: (payments: readonly QueuedPayment[], storeBatch: StoreBatch) => Promise<T>,
  ): Promise<T> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<PaymentRow & { queued_for_ms: string }>({
        name: `settlement.take_${selection.order}`,
        text: `SELECT ${PAYMENT_COLUMNS}, floor(extract(epoch FROM now() - queued_at) * 1000)::bigint AS queued_for_ms
          FROM payments WHERE outcome IS NULL AND rail = 'x402' AND state = 'queued' AND network = $1 AND id <> ALL ($3::uuid[])
            AND NOT EXISTS (SELECT 1 FROM installation WHERE settlement_paused_at IS NOT NULL)
          ORDER BY ${ORDER[selection.order]} LIMIT $2 FOR UPDATE SKIP LOCKED`,
        values: [this.network, selection.limit, selection.except],
      });
      const payments = rows.map((row) => ({ ...toPayment(row), queuedForMs: Number(row.queued_for_ms) }));
      return work(payments, (lease, signer, chosen, sign) => this.storeBatch(client, lease, signer, chosen, sign));
    });
  }

  private async storeBatch(
    client: PoolClient,
    lease: Lease,
    signer: Hex,
    payments: readonly Payment[],
    sign: Parameters<StoreBatch>[3],
  ): Promise<StoredBatch> {
    const highest = await this.proveLease(client, lease, signer);
    const signed = await sign(highest === null ? 0n : highest + 1n);
    const id = randomUUID();
    const detail = {
      transactionHash: signed.hash,
      signer,
      evmNonce: signed.evmNonce.toString(),
      fence: lease.fence.toString(),
      payments: payments.length,
    };
    const { rows } = await client.query<{ moved: number }>({
      name: 'settlement.store_batch',
      text: `WITH stored AS (
          INSERT INTO settlement_transactions (id, batch_id, network, signer, evm_nonce, fence, raw_transaction, transaction_hash, state,
            gas_limit, max_fee_per_gas_wei, max_priority_fee_per_gas_wei, payment_ids, payment_rounds, runs_payer_code)
          VALUES ($1, $1, $2, $3, $4, $5, $6, $7, 'stored', $8, $9, $10, $11::uuid[], $12::int[], $15)
        ), moved AS (
          UPDATE payments SET state = 'broadcast', settlement_transaction_id = $1, broadcast_at = now()
          WHERE id = ANY ($11::uuid[]) AND state = 'queued' RETURNING id, attempt
        ), told AS (
          INSERT INTO payment_events (payment_id, attempt, kind, from_state, to_state, actor, detail)
          SELECT id, attempt, 'broadcast', 'queued', 'broadcast', $13, $14::jsonb FROM moved
        )
        SELECT count(*)::int AS moved FROM moved`,
      values: [
        ...this.bytesValues(id, lease, signer, signed),
        payments.map((payment) => payment.id),
        payments.map((payment) => payment.round),
        lease.holder,
        JSON.stringify(detail),
        signed.runsPayerCode,
      ],
    });
    if (rows[0]?.moved !== payments.length) throw new Error('payments left the queue although they were locked');
    await this.journal.append(client, payments.flatMap(broadcastPostings));
    return {
      id,
      signer,
      evmNonce: signed.evmNonce,
      paymentCount: payments.length,
      bytes: [storedBytes(id, signed)],
    };
  }

  private bytesValues(id: string, lease: Lease, signer: Hex, signed: SignedTransaction & { evmNonce: bigint }): unknown[] {
    return [
      id,
      this.network,
      signer,
      signed.evmNonce.toString(),
      lease.fence.toString(),
      signed.raw,
      signed.hash,
      signed.gasLimit.toString(),
      signed.fees.maxFeePerGasWei.toString(),
      signed.fees.maxPriorityFeePerGasWei.toString(),
    ];
  }

  /**
   * Holds the lease's row until commit, so that no other process can take the lease before the bytes are stored.
   * @returns the highest nonce of the key in a stored transaction that was not dropped
   */
  private async proveLease(client: PoolClient, lease: Lease, signer: Hex): Promise<bigint | null> {
    const { rows } = await client.query<{ highest: string | null }>({
      name: 'settlement.prove_lease',
      text: `SELECT (SELECT max(evm_nonce) FROM settlement_transactions WHERE network = $4 AND signer = $5 AND state <> 'dropped') AS highest
        FROM leases WHERE name = $1 AND holder = $2 AND fence = $3 AND expires_at > now() FOR UPDATE OF leases`,
      values: [lease.name, lease.holder, lease.fence.toString(), this.network, signer],
    });
    const held = rows[0];
    if (held === undefined) throw new LeaseLostError(lease.name);
    return held.highest === null ? null : BigInt(held.highest);
  }

  async storeFiller(lease: Lease, signer: Hex, filler: SignedTransaction & { evmNonce: bigint }): Promise<StoredBatch> {
    return inTransaction(this.pool, async (client) => {
      await this.proveLease(client, lease, signer);
      const id = randomUUID();
      await client.query(
        `INSERT INTO settlement_transactions (id, batch_id, network, signer, evm_nonce, fence, raw_transaction, transaction_hash, state,
           gas_limit, max_fee_per_gas_wei, max_priority_fee_per_gas_wei)
         VALUES ($1, $1, $2, $3, $4, $5, $6, $7, 'stored', $8, $9, $10)`,
        this.bytesValues(id, lease, signer, filler),
      );
      return { id, signer, evmNonce: filler.evmNonce, paymentCount: 0, bytes: [storedBytes(id, filler)] };
    });
  }

  async storeReplacement(lease: Lease, batch: StoredBatch, bytes: SignedTransaction): Promise<StoredBytes | null> {
    return inTransaction(this.pool, async (client) => {
      await this.proveLease(client, lease, batch.signer);
      const id = randomUUID();
      const signed = { ...bytes, evmNonce: batch.evmNonce };
      const { rowCount } = await client.query(
        `INSERT INTO settlement_transactions (id, batch_id, replacement, network, signer, evm_nonce, fence, raw_transaction, transaction_hash,
           state, gas_limit, max_fee_per_gas_wei, max_priority_fee_per_gas_wei, runs_payer_code)
         SELECT $1, $11, (SELECT max(replacement) + 1 FROM settlement_transactions WHERE batch_id = $11), $2, $3, $4, $5, $6, $7,
           'stored', $8, $9, $10, runs_payer_code
         FROM settlement_transactions WHERE id = $11 AND state IN ('stored', 'sent')`,
        [...this.bytesValues(id, lease, batch.signer, signed), batch.id],
      );
      return rowCount === 1 ? storedBytes(id, bytes) : null;
    });
  }

  async markSent(bytesIds: readonly string[]): Promise<void> {
    if (bytesIds.length === 0) return;
    await this.pool.query(
      `UPDATE settlement_transactions SET state = 'sent', sent_at = now() WHERE id = ANY ($1::uuid[]) AND state = 'stored'`,
      [bytesIds],
    );
  }

  listOpen(signer: Hex): Promise<readonly StoredBatch[]> {
    return this.listBatches(`signer = $2 AND state IN ('stored', 'sent')`, [signer]);
  }

  listDropped(signer: Hex, withinMs: number): Promise<readonly StoredBatch[]> {
    const batches = `SELECT dropped.batch_id FROM settlement_transactions dropped WHERE dropped.signer = $2 AND dropped.state = 'dropped'
      AND (dropped.resolved_at > now() - make_interval(secs => $3::double precision / 1000)
        OR EXISTS (SELECT 1 FROM payments WHERE payments.settled_in = dropped.batch_id))
      ORDER BY dropped.resolved_at DESC LIMIT $4`;
    return this.listBatches(`state = 'dropped' AND batch_id IN (${batches})`, [signer, withinMs, MAX_DROPPED]);
  }

  private async listBatches(condition: string, values: readonly unknown[]): Promise<readonly StoredBatch[]> {
    const { rows } = await this.pool.query<BytesRow>(
      `SELECT ${BYTES_COLUMNS} FROM settlement_transactions WHERE network = $1 AND ${condition} ORDER BY evm_nonce, replacement`,
      [this.network, ...values],
    );
    return toBatches(rows);
  }

  async openPaymentsOf(batchId: string): Promise<readonly Payment[]> {
    const { rows } = await this.pool.query<PaymentRow>(
      `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE ${OPEN_OF_BATCH} ORDER BY id`,
      [batchId],
    );
    return rows.map(toPayment);
  }

  async hasLiveNonce(signer: Hex, evmNonce: bigint): Promise<boolean> {
    const { rowCount } = await this.pool.query(
      `SELECT 1 FROM settlement_transactions WHERE network = $1 AND signer = $2 AND evm_nonce = $3 AND state <> 'dropped' LIMIT 1`,
      [this.network, signer, evmNonce.toString()],
    );
    return rowCount === 1;
  }

  decide(verdicts: readonly Verdict[]): Promise<number> {
    return this.verdicts.decide(verdicts);
  }

  conclude(batchId: string, hash: Hex, mined: MinedTransaction, verdicts: readonly Verdict[]): Promise<boolean> {
    return this.verdicts.conclude(batchId, hash, mined, verdicts);
  }

  drop(batchId: string, verdicts: readonly Verdict[]): Promise<boolean> {
    return this.verdicts.drop(batchId, verdicts);
  }

  listMinedSince(blockNumber: bigint, limit: number): Promise<readonly MinedRecord[]> {
    return this.reorgs.listMinedSince(blockNumber, limit);
  }

  listSettledByOthersSince(
    blockNumber: bigint,
    limit: number,
  ): Promise<readonly (Payment & { blockNumber: bigint; blockHash: Hex })[]> {
    return this.reorgs.listSettledByOthersSince(blockNumber, limit);
  }

  reopenTransaction(record: MinedRecord): Promise<void> {
    return this.reorgs.reopen(record);
  }
}

const storedBytes = (id: string, signed: SignedTransaction): StoredBytes => ({
  id,
  raw: signed.raw,
  hash: signed.hash,
  maxFeePerGasWei: signed.fees.maxFeePerGasWei,
  maxPriorityFeePerGasWei: signed.fees.maxPriorityFeePerGasWei,
  ageMs: 0,
});

import type { Pool, PoolClient } from 'pg';
import { gasReturned } from '@tollbox/ledger/domain/postings/gas';
import { broadcast, requeued } from '@tollbox/ledger/domain/postings/payment';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { MinedRecord } from '../application/ports/settlement-store';
import type { Hex } from '../domain/networks';
import type { Payment } from '../domain/payment';
import { appendPaymentEvents, PAYMENT_COLUMNS, toPayment, type PaymentRow } from './payment-rows';
import { moneyOf, notifySettlement } from './settlement-rows';
import { gasPostings, type GasParty } from './settlement-verdicts';

interface LostBatch {
  readonly batchId: string;
  readonly hash: Hex;
  readonly feeWei: bigint;
  readonly blockNumber: bigint;
}

/** What is in the newest blocks, and what happens when one of them is replaced. */
export class SettlementReorgs {
  constructor(
    private readonly pool: Pool,
    private readonly network: string,
    private readonly journal: Journal,
  ) {}

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
      `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE outcome = 'settled' AND settled_in IS NULL AND network = $1
         AND block_number >= $2 ORDER BY block_number DESC LIMIT $3`,
      [this.network, blockNumber.toString(), limit],
    );
    return rows.flatMap((row) =>
      row.block_number === null || row.block_hash === null
        ? []
        : [{ ...toPayment(row), blockNumber: BigInt(row.block_number), blockHash: row.block_hash as Hex }],
    );
  }

  async reopen(record: MinedRecord): Promise<void> {
    await inTransaction(this.pool, async (client) => {
      const lost = await this.lose(client, record);
      if (lost === null) return;
      const { parties, leg } = await this.gasOf(client, lost.batchId);
      const payments = await this.requeueSettled(client, lost);
      await this.journal.append(client, [
        ...gasReturned(gasPostings(lost.batchId, parties, leg, lost.feeWei)),
        ...payments.flatMap((payment) => [
          ...requeued(moneyOf(payment), 'treasury'),
          ...broadcast(moneyOf({ ...payment, round: payment.round + 1 })),
        ]),
      ]);
      await this.recordRounds(client, lost.batchId);
      const ids = payments.map(({ id }) => id);
      await notifySettlement(client, ids, false);
    });
  }

  private async lose(client: PoolClient, record: MinedRecord): Promise<LostBatch | null> {
    const { rows } = await client.query<{ batch_id: string; transaction_hash: Hex; fee_wei: string }>(
      `SELECT batch_id, transaction_hash, fee_wei FROM settlement_transactions
       WHERE id = $1 AND block_hash = $2 AND state IN ('succeeded', 'reverted') FOR UPDATE`,
      [record.id, record.blockHash],
    );
    const mined = rows[0];
    if (mined === undefined) return null;
    await client.query(
      `UPDATE settlement_transactions SET state = 'sent', block_number = NULL, block_hash = NULL, gas_used = NULL,
         effective_gas_price_wei = NULL, fee_wei = NULL, resolved_at = NULL
       WHERE batch_id = $1 AND state IN ('succeeded', 'reverted', 'replaced')`,
      [mined.batch_id],
    );
    return {
      batchId: mined.batch_id,
      hash: mined.transaction_hash,
      feeWei: BigInt(mined.fee_wei),
      blockNumber: record.blockNumber,
    };
  }

  /** Who bore the gas, and the leg under which it was booked. */
  private async gasOf(client: PoolClient, batchId: string): Promise<{ parties: readonly GasParty[]; leg: number }> {
    const { rows } = await client.query<{ id: string; operation_id: string; payer: string; round: number; mined_count: number }>(
      `SELECT payment.id, payment.operation_id, payment.payer, party.round, batch.mined_count
       FROM settlement_transactions batch
       CROSS JOIN LATERAL unnest(batch.payment_ids, batch.payment_rounds) WITH ORDINALITY AS party (id, round, place)
       JOIN payments payment ON payment.id = party.id WHERE batch.id = $1 ORDER BY party.place`,
      [batchId],
    );
    return {
      parties: rows.map((row) => ({ id: row.id, operationId: row.operation_id, wallet: row.payer, round: row.round })),
      leg: rows[0]?.mined_count ?? 1,
    };
  }

  /** settled → queued → broadcast: the bytes are on their way again. Returns the payments as they were. */
  private async requeueSettled(client: PoolClient, lost: LostBatch): Promise<readonly Payment[]> {
    const { rows } = await client.query<PaymentRow>(
      `SELECT ${PAYMENT_COLUMNS} FROM payments WHERE settled_in = $1 ORDER BY id FOR UPDATE`,
      [lost.batchId],
    );
    const ids = rows.map(({ id }) => id);
    await client.query(
      `UPDATE payments SET state = 'queued', queued_at = now(), round = round + 1, transaction_hash = NULL, block_number = NULL,
         block_hash = NULL, settled_at = NULL WHERE id = ANY ($1::uuid[])`,
      [ids],
    );
    await client.query(`UPDATE payments SET state = 'broadcast', broadcast_at = now() WHERE id = ANY ($1::uuid[])`, [ids]);
    const detail = { reason: 'block_lost', transactionHash: lost.hash, blockNumber: lost.blockNumber.toString() };
    await appendPaymentEvents(
      client,
      rows.flatMap((row) => {
        const event = { paymentId: row.id, attempt: row.attempt, actor: 'settler', detail };
        return [
          { ...event, kind: 'block_lost', from: 'settled', to: 'queued' } as const,
          { ...event, kind: 'broadcast', from: 'queued', to: 'broadcast' } as const,
        ];
      }),
    );
    return rows.map(toPayment);
  }

  private async recordRounds(client: PoolClient, batchId: string): Promise<void> {
    await client.query(
      `UPDATE settlement_transactions batch SET payment_rounds = ARRAY(
         SELECT CASE WHEN payment.settlement_transaction_id = batch.id THEN payment.round ELSE party.round END
         FROM unnest(batch.payment_ids, batch.payment_rounds) WITH ORDINALITY AS party (id, round, place)
         JOIN payments payment ON payment.id = party.id ORDER BY party.place)
       WHERE id = $1`,
      [batchId],
    );
  }
}

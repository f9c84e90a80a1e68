import type { Pool, PoolClient } from 'pg';
import { fillerGas } from '@tollbox/ledger/domain/postings/gas';
import { broadcast, expired, failed, gas, placeOf, requeued, settled } from '@tollbox/ledger/domain/postings/payment';
import type { Posting } from '@tollbox/ledger/domain/posting';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransactionByIndex } from '@tollbox/platform/database/transaction';
import type { MinedTransaction } from '../application/ports/evm-chain';
import type { Verdict } from '../application/ports/settlement-store';
import { shareOut } from '../domain/gas';
import type { Hex } from '../domain/networks';
import type { Payment } from '../domain/payment';
import { moneyOf, notifySettlement, OPEN_OF_BATCH } from './settlement-rows';

/** A payment has changed since it was read, so nothing of the transaction holds. */
class ChangedMeanwhile extends Error {}

/** The batch that a block holds, and under which hash. */
interface OurTransaction {
  readonly batchId: string;
  readonly hash: Hex;
}

/** The payments and rounds that the gas of a batch is shared out over, in a fixed order. */
export interface GasParty {
  readonly id: string;
  readonly operationId: string;
  readonly wallet: string;
  readonly round: number;
}

export const broadcastPostings = (payment: Payment): Posting[] => broadcast(moneyOf(payment));

/** Each party's share, to the wei; of a transaction without payments the whole, under the transaction itself. */
export function gasPostings(batchId: string, parties: readonly GasParty[], leg: number, feeWei: bigint): Posting[] {
  if (parties.length === 0) return fillerGas(batchId, leg, feeWei);
  const shares = shareOut(feeWei, parties.length);
  return parties.flatMap((party, index) => gas(party, leg, shares[index] ?? 0n));
}

function verdictPostings(verdict: Verdict): Posting[] {
  const { payment } = verdict;
  const money = moneyOf(payment);
  const place = placeOf(payment.state as Parameters<typeof placeOf>[0]);
  switch (verdict.to) {
    case 'settled':
      return place === 'treasury' ? [] : settled(money, place);
    case 'failed':
      return failed(money, place);
    case 'expired':
      return expired(money, place);
    case 'queued':
      return place === 'authorized' ? [] : requeued(money, place);
    case 'unknown':
      return [];
  }
}

/** How settlements end: many payments in few statements, each by compare-and-set, with events and postings. */
export class SettlementVerdicts {
  constructor(
    private readonly pool: Pool,
    private readonly journal: Journal,
  ) {}

  async decide(verdicts: readonly Verdict[]): Promise<number> {
    if (verdicts.length === 0) return 0;
    return inTransactionByIndex(this.pool, async (client) => {
      const changed = await this.apply(client, verdicts, null);
      await this.journal.append(client, changed.flatMap(verdictPostings));
      await this.tell(client, changed);
      return changed.length;
    });
  }

  conclude(batchId: string, hash: Hex, mined: MinedTransaction, verdicts: readonly Verdict[]): Promise<boolean> {
    return this.unlessChanged(async (client) => {
      const { rows } = await client.query<{ payment_ids: string[]; payment_rounds: number[]; mined_count: number }>({
        name: 'settlement.conclude',
        text: `UPDATE settlement_transactions SET resolved_at = now(), mined_count = mined_count + (id = batch_id)::int,
             state = CASE WHEN transaction_hash = $2 THEN $3 ELSE 'replaced' END,
             block_number = CASE WHEN transaction_hash = $2 THEN $4::bigint END,
             block_hash = CASE WHEN transaction_hash = $2 THEN $5 END,
             gas_used = CASE WHEN transaction_hash = $2 THEN $6::numeric END,
             effective_gas_price_wei = CASE WHEN transaction_hash = $2 THEN $7::numeric END,
             fee_wei = CASE WHEN transaction_hash = $2 THEN $8::numeric END
           WHERE batch_id = $1 AND state IN ('stored', 'sent', 'dropped') RETURNING payment_ids, payment_rounds, mined_count`,
        values: [
          batchId,
          hash,
          mined.succeeded ? 'succeeded' : 'reverted',
          mined.blockNumber.toString(),
          mined.blockHash,
          mined.gasUsed.toString(),
          mined.effectiveGasPriceWei.toString(),
          mined.feeWei.toString(),
        ],
      });
      const batch = rows.find((row) => row.payment_ids.length > 0) ?? rows[0];
      if (batch === undefined) throw new ChangedMeanwhile();
      const changed = await this.endAll(client, batchId, verdicts, { batchId, hash });
      const parties = await this.parties(client, batch.payment_ids, batch.payment_rounds, changed);
      const leg = Math.max(...rows.map((row) => row.mined_count));
      await this.journal.append(client, [
        ...changed.flatMap(verdictPostings),
        ...gasPostings(batchId, parties, leg, mined.feeWei),
      ]);
      await this.tell(client, changed);
    });
  }

  drop(batchId: string, verdicts: readonly Verdict[]): Promise<boolean> {
    return this.unlessChanged(async (client) => {
      const { rowCount } = await client.query(
        `UPDATE settlement_transactions SET state = 'dropped', resolved_at = now() WHERE batch_id = $1 AND state IN ('stored', 'sent')`,
        [batchId],
      );
      if (rowCount === 0) throw new ChangedMeanwhile();
      const changed = await this.endAll(client, batchId, verdicts, null);
      await this.journal.append(client, changed.flatMap(verdictPostings));
      await this.tell(client, changed);
    });
  }

  private async unlessChanged(work: (client: PoolClient) => Promise<void>): Promise<boolean> {
    try {
      await inTransactionByIndex(this.pool, work);
      return true;
    } catch (error) {
      if (error instanceof ChangedMeanwhile) return false;
      throw error;
    }
  }

  /**
   * A batch ends together with all of its payments. Its caller may have read them before a lost block opened them again,
   * and a payment that stays open in a batch that has ended would be looked after by nobody.
   */
  private async endAll(
    client: PoolClient,
    batchId: string,
    verdicts: readonly Verdict[],
    ours: OurTransaction | null,
  ): Promise<readonly Verdict[]> {
    const changed = await this.apply(client, verdicts, ours);
    if (changed.length !== verdicts.length) throw new ChangedMeanwhile();
    const { rowCount: openPayments } = await client.query({
      name: 'settlement.left_open',
      text: `SELECT 1 FROM payments WHERE ${OPEN_OF_BATCH} LIMIT 1`,
      values: [batchId],
    });
    if (openPayments !== 0) throw new ChangedMeanwhile();
    return changed;
  }

  /** @returns the verdicts whose payment was as the verdict saw it. */
  private async apply(
    client: PoolClient,
    verdicts: readonly Verdict[],
    ours: OurTransaction | null,
  ): Promise<readonly Verdict[]> {
    if (verdicts.length === 0) return [];
    const inclusions = verdicts.map((verdict) => (verdict.to === 'settled' ? verdict.inclusion : null));
    const { rows } = await client.query<{ id: string }>({
      name: 'settlement.apply',
      text: `WITH verdict AS (
          SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
            AS row (id, from_state, round, to_state, reason, hash, block_number, block_hash)
        ), changed AS (
          UPDATE payments SET state = verdict.to_state, fail_reason = verdict.reason, transaction_hash = verdict.hash,
            block_number = verdict.block_number, block_hash = verdict.block_hash,
            settled_at = CASE WHEN verdict.to_state = 'settled' THEN now() END,
            queued_at = CASE WHEN verdict.to_state = 'queued' THEN now() ELSE payments.queued_at END,
            round = payments.round + (verdict.to_state = 'queued')::int,
            settlement_transaction_id = CASE verdict.to_state
              WHEN 'queued' THEN NULL
              WHEN 'settled' THEN CASE WHEN verdict.hash = $10 THEN $9::uuid
                ELSE (SELECT ours.batch_id FROM settlement_transactions ours WHERE ours.transaction_hash = verdict.hash) END
              ELSE payments.settlement_transaction_id END
          FROM verdict WHERE payments.id = verdict.id AND payments.state = verdict.from_state AND payments.round = verdict.round
          RETURNING payments.id, payments.attempt, verdict.from_state, verdict.to_state, verdict.reason, verdict.hash, verdict.block_number
        ), told AS (
          INSERT INTO payment_events (payment_id, attempt, kind, from_state, to_state, actor, detail)
          SELECT id, attempt, CASE to_state WHEN 'queued' THEN 'requeued' WHEN 'unknown' THEN 'outcome_unknown' ELSE to_state END,
            from_state, to_state, 'settler',
            jsonb_strip_nulls(jsonb_build_object('reason', reason, 'transactionHash', hash, 'blockNumber', block_number::text))
          FROM changed
        )
        SELECT id FROM changed`,
      values: [
        verdicts.map(({ payment }) => payment.id),
        verdicts.map(({ payment }) => payment.state),
        verdicts.map(({ payment }) => payment.round),
        verdicts.map(({ to }) => to),
        verdicts.map((verdict) => ('reason' in verdict ? verdict.reason : null)),
        inclusions.map((inclusion) => inclusion?.transactionHash ?? null),
        inclusions.map((inclusion) => inclusion?.blockNumber.toString() ?? null),
        inclusions.map((inclusion) => inclusion?.blockHash ?? null),
        ours?.batchId ?? null,
        ours?.hash ?? null,
      ],
    });
    const ids = new Set(rows.map(({ id }) => id));
    return verdicts.filter(({ payment }) => ids.has(payment.id));
  }

  /** Also a payment that left the batch, or ended in it before the block, bears its share. */
  private async parties(
    client: PoolClient,
    ids: readonly string[],
    rounds: readonly number[],
    known: readonly Verdict[],
  ): Promise<readonly GasParty[]> {
    const found = new Map(
      known.map(({ payment }) => [payment.id, { operationId: payment.operationId, wallet: payment.key.payer }]),
    );
    const missing = ids.filter((id) => !found.has(id));
    if (missing.length > 0) {
      const { rows } = await client.query<{ id: string; operation_id: string; payer: Hex }>(
        'SELECT id, operation_id, payer FROM payments WHERE id = ANY ($1::uuid[])',
        [missing],
      );
      for (const row of rows) found.set(row.id, { operationId: row.operation_id, wallet: row.payer });
    }
    return ids.flatMap((id, index) => {
      const payment = found.get(id);
      return payment === undefined ? [] : [{ id, ...payment, round: rounds[index] ?? 1 }];
    });
  }

  private tell(client: PoolClient, changed: readonly Verdict[]): Promise<void> {
    const ids = changed.map(({ payment }) => payment.id);
    return notifySettlement(
      client,
      ids,
      changed.some(({ to }) => to === 'queued'),
    );
  }
}

import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { gasOpening } from '@tollbox/ledger/domain/postings/receipt';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { BlockPlace } from '../application/ports/chain-logs';
import type { BookTotals, CheckedBatch, CheckStore, StartedRun } from '../application/ports/reconciliation-store';
import type { Finding } from '../domain/item';
import {
  BALANCE,
  BOOKED_GAS,
  CREDITS,
  DEMOTE,
  EXPLAINED_TREASURY,
  GAS_OPENED,
  MINED_GAS,
  MISSING,
  NEXT_END,
  SUMS,
  WRONG_BOOKS,
} from './checks-sql';
import { underLease } from './run-transaction';

const BATCH = 20_000;
/** Findings of one kind that a batch tells about; the rest is found when these are dealt with. */
const MAX_FINDINGS = 500;
const PLACES = ['authorized', 'in_flight', 'treasury', 'expired_losses', 'revenue'];

interface MissingRow {
  id: string;
  transaction_hash: string;
  block_number: string;
  block_hash: string | null;
  amount: string;
  seen: string | null;
}

interface WrongRow {
  id: string;
  state: string;
  settlement_mode: string;
  expected: string[];
  actual: string[];
  debt: string;
}

interface CreditsRow {
  wallet: string;
  credits: string;
  debt: string;
  running: string;
  balance: string;
  debt_row: string;
  held: string;
}

/** The books against themselves and against what was read of the chain. */
export class ChecksRepository implements CheckStore {
  constructor(
    private readonly pool: Pool,
    private readonly journal: Journal,
    private readonly batch = BATCH,
  ) {}

  async checkPayments(
    run: StartedRun,
    after: string | null,
    head: BlockPlace | null,
    graceMs: number,
  ): Promise<CheckedBatch | null> {
    const { rows: ends } = await this.pool.query<{ last: string | null; checked: number }>(NEXT_END, [after, this.batch]);
    const { last, checked } = ends[0] ?? { last: null, checked: 0 };
    if (last === null) return null;
    return underLease(this.pool, run.lease, async (client) => {
      // A batch is a small part of the table, so the index is right, whatever the planner thinks of its order.
      await client.query('SET LOCAL enable_seqscan = off');
      const demoted = (await client.query(DEMOTE, [after, last])).rowCount ?? 0;
      const missing =
        head === null
          ? []
          : (await client.query<MissingRow>(MISSING, [after, last, head.number.toString(), graceMs, MAX_FINDINGS])).rows;
      const wrong = await client.query<WrongRow>(WRONG_BOOKS, [after, last, MAX_FINDINGS]);
      return { last, checked, demoted, findings: [...missing.map(missingTransfer), ...wrong.rows.map(wrongBooks)] };
    });
  }

  async credits(): Promise<readonly Finding[]> {
    const { rows } = await this.pool.query<CreditsRow>(CREDITS, [MAX_FINDINGS]);
    return rows.map((row): Finding => ({
      class: 'credits_balance',
      subject: row.wallet,
      expected: `balance ${row.credits}, debt ${row.debt}, held ${row.running}`,
      actual: `balance ${row.balance}, debt ${row.debt_row}, held ${row.held}`,
      detail: { wallet: row.wallet },
    }));
  }

  totals(): Promise<BookTotals> {
    return inTransaction(this.pool, async (client) => {
      await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      const { rows: sums } = await client.query<{ asset: string; sum: string }>(SUMS);
      const { rows: explained } = await client.query<{ explained: string }>(EXPLAINED_TREASURY);
      const mined = await client.query<{ spent: string }>(MINED_GAS, [null]);
      const booked = await client.query<{ booked: string }>(BOOKED_GAS);
      return {
        treasuryAtomic: await balance(client, 'treasury'),
        explainedTreasuryAtomic: BigInt(explained[0]?.explained ?? 0),
        sumByAsset: Object.fromEntries(sums.map(({ asset, sum }) => [asset, BigInt(sum)])),
        bookedGasWei: BigInt(booked.rows[0]?.booked ?? 0),
        minedGasWei: BigInt(mined.rows[0]?.spent ?? 0),
      };
    });
  }

  async gas(upToBlock: bigint): Promise<{ spentWei: bigint; isUnsure: boolean; openedWei: bigint | null }> {
    const { rows } = await this.pool.query<{ spent: string; unsure: boolean }>(MINED_GAS, [upToBlock.toString()]);
    const { rows: opened } = await this.pool.query<{ opened: string | null }>(GAS_OPENED);
    return {
      spentWei: BigInt(rows[0]?.spent ?? 0),
      isUnsure: rows[0]?.unsure ?? true,
      openedWei: opened[0]?.opened == null ? null : BigInt(opened[0].opened),
    };
  }

  async bookGasOpening(run: StartedRun, amountWei: bigint): Promise<void> {
    await underLease(this.pool, run.lease, (client) => this.journal.append(client, gasOpening(randomUUID(), amountWei)));
  }
}

async function balance(client: PoolClient, code: string): Promise<bigint> {
  const { rows } = await client.query<{ balance: string }>(BALANCE, [code]);
  return BigInt(rows[0]?.balance ?? 0);
}

function missingTransfer(row: MissingRow): Finding {
  return {
    class: 'missing_transfer',
    subject: row.id,
    expected: `${row.amount} in ${row.transaction_hash}, block ${row.block_number} ${row.block_hash ?? ''}`.trim(),
    actual: row.seen,
    detail: { payment_id: row.id, transaction_hash: row.transaction_hash, block_number: row.block_number },
  };
}

function wrongBooks(row: WrongRow): Finding {
  const text = (amounts: readonly string[]): string =>
    amounts.flatMap((amount, index) => (amount === '0' ? [] : [`${PLACES[index]} ${amount}`])).join(', ') || 'nothing';
  return {
    class: 'payment_books',
    subject: row.id,
    expected: text(row.expected),
    actual: row.debt === '0' ? text(row.actual) : `${text(row.actual)}, customer_debt ${row.debt}`,
    detail: { payment_id: row.id, state: row.state, settlement_mode: row.settlement_mode },
  };
}

import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { gasOpening } from '@tollbox/ledger/domain/postings/receipt';
import type { Journal } from '@tollbox/ledger/infrastructure/journal';
import { atOneMoment } from '@tollbox/platform/database/transaction';
import type { BlockPlace } from '../application/ports/chain-logs';
import type { BookTotals, CheckedBatch, CheckStore, StartedRun } from '../application/ports/reconciliation-store';
import { sumsOf, type AccountMove } from '../domain/book-sums';
import type { Finding } from '../domain/item';
import {
  CREDITS,
  DEMOTE,
  MINED_GAS,
  MISSING,
  MOVES,
  NEXT_END,
  NEXT_WALLET,
  OTHER_TREASURY,
  SETTLED,
  WRONG_BOOKS,
} from './checks-sql';
import { underLease } from './run-transaction';

const BATCH = 20_000;
/** Rows that one statement adds up: however long the tables are, none comes near the deadline of a statement. */
const SUM_ENTRIES = 500_000n;
const SUM_PAYMENTS = 200_000;
const SUM_WALLETS = 20_000;
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

  async credits(keep: () => Promise<void>): Promise<readonly Finding[]> {
    const { rows: accounts } = await this.pool.query<{ code: string; id: number }>(
      "SELECT code, id FROM ledger_accounts WHERE code IN ('credits', 'customer_debt')",
    );
    const idOf = (wanted: string): number | null => accounts.find(({ code }) => code === wanted)?.id ?? null;
    const findings: Finding[] = [];
    for (let after: string | null = null; ;) {
      const ends: { rows: { last: string | null }[] } = await this.pool.query(NEXT_WALLET, [after, SUM_WALLETS]);
      const last = ends.rows[0]?.last ?? null; // null: no balance row is left, but there may be entries without one
      const values = [MAX_FINDINGS, after, last, idOf('credits'), idOf('customer_debt')];
      const { rows } = await this.pool.query<CreditsRow>(CREDITS, values);
      findings.push(...rows.map(wrongCredits));
      if (last === null) return findings.slice(0, MAX_FINDINGS);
      after = last;
      await keep();
    }
  }

  totals(keep: () => Promise<void>): Promise<BookTotals> {
    return atOneMoment(this.pool, async (client) => {
      const sums = sumsOf(await readMoves(client, keep));
      const settled = await sumSettled(client, keep);
      const { rows: other } = await client.query<{ other: string }>(OTHER_TREASURY);
      const mined = await client.query<{ spent: string }>(MINED_GAS, [null]);
      return {
        ...sums,
        explainedTreasuryAtomic: settled + BigInt(other[0]?.other ?? 0),
        minedGasWei: BigInt(mined.rows[0]?.spent ?? 0),
      };
    });
  }

  async gas(upToBlock: bigint): Promise<{ spentWei: bigint; isUnsure: boolean }> {
    const { rows } = await this.pool.query<{ spent: string; unsure: boolean }>(MINED_GAS, [upToBlock.toString()]);
    return { spentWei: BigInt(rows[0]?.spent ?? 0), isUnsure: rows[0]?.unsure ?? true };
  }

  async bookGasOpening(run: StartedRun, amountWei: bigint): Promise<void> {
    await underLease(this.pool, run.lease, (client) => this.journal.append(client, gasOpening(randomUUID(), amountWei)));
  }
}

/** The whole journal, piece by piece in the client's snapshot. */
async function readMoves(client: PoolClient, keep: () => Promise<void>): Promise<AccountMove[]> {
  const { rows: newest } = await client.query<{ id: string | null }>('SELECT max(id) AS id FROM journal');
  const end = BigInt(newest[0]?.id ?? 0);
  const moves: AccountMove[] = [];
  for (let first = 0n; first < end; first += SUM_ENTRIES) {
    const { rows } = await client.query<Omit<AccountMove, 'amount'> & { amount: string }>(MOVES, [
      first.toString(),
      (first + SUM_ENTRIES).toString(),
    ]);
    moves.push(...rows.map((row) => ({ ...row, amount: BigInt(row.amount) })));
    await keep();
  }
  return moves;
}

async function sumSettled(client: PoolClient, keep: () => Promise<void>): Promise<bigint> {
  let sum = 0n;
  for (let after: string | null = null; ;) {
    const ends: { rows: { last: string | null }[] } = await client.query(NEXT_END, [after, SUM_PAYMENTS]);
    const last = ends.rows[0]?.last ?? null;
    if (last === null) return sum;
    const { rows } = await client.query<{ settled: string }>(SETTLED, [after, last]);
    sum += BigInt(rows[0]?.settled ?? 0);
    after = last;
    await keep();
  }
}

function wrongCredits(row: CreditsRow): Finding {
  return {
    class: 'credits_balance',
    subject: row.wallet,
    expected: `balance ${row.credits}, debt ${row.debt}, held ${row.running}`,
    actual: `balance ${row.balance}, debt ${row.debt_row}, held ${row.held}`,
    detail: { wallet: row.wallet },
  };
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

import type { Pool, PoolClient } from 'pg';
import { atOneMoment } from '@tollbox/platform/database/transaction';
import type { AccountBalance, LedgerQueries, Moment, TrialBalance } from '../application/ports/ledger-queries';
import { toBalance, totalsByAsset, type BalanceRow } from './read-rows';

/** Adds up the rollups, and from the journal what is in none of them yet or only in a part of one. */
export class PostgresLedgerQueries implements LedgerQueries {
  constructor(private readonly pool: Pool) {}

  async trialBalance(moment: Moment = {}): Promise<TrialBalance> {
    const accounts = await this.balances(moment, null);
    return { accounts, totals: totalsByAsset(accounts) };
  }

  async balanceOf(code: string, moment: Moment = {}): Promise<AccountBalance | undefined> {
    return (await this.balances(moment, code))[0];
  }

  async accountCodes(): Promise<readonly string[]> {
    const { rows } = await this.pool.query<{ code: string }>('SELECT code FROM ledger_accounts');
    return rows.map(({ code }) => code);
  }

  private balances({ at, basis = 'recorded' }: Moment, code: string | null): Promise<AccountBalance[]> {
    return atOneMoment(this.pool, async (client) => {
      // Known before the statement is planned: the tail is few rows of many, and a planner that does not see how few reads all.
      const foldedId = await readFoldedId(client);
      const moved = at === undefined ? movedByNow(basis) : movedBefore(basis, MINUTE_SHAPES[basis]);
      const values = [code, foldedId, ...(at === undefined ? [] : [at, startOf(at, DAY_MS), startOf(at, MINUTE_MS)])];
      const { rows } = await client.query<BalanceRow>(
        `WITH moved AS (${moved}), sides AS (
           SELECT debit_account AS account, sum(amount) AS debits, 0 AS credits FROM moved GROUP BY 1
           UNION ALL SELECT credit_account, 0, sum(amount) FROM moved GROUP BY 1)
         SELECT a.code, a.type, a.asset, a.network, coalesce(sum(s.debits), 0) AS debits, coalesce(sum(s.credits), 0) AS credits
         FROM ledger_accounts a LEFT JOIN sides s ON s.account = a.id
         WHERE $1::text IS NULL OR a.code = $1
         GROUP BY a.id ORDER BY a.code COLLATE "C"`,
        values,
      );
      return rows.map(toBalance);
    });
  }
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const startOf = (at: Date, lengthMs: number): Date => new Date(Math.floor(at.getTime() / lengthMs) * lengthMs);

async function readFoldedId(client: PoolClient): Promise<string> {
  const { rows } = await client.query<{ folded_id: string }>('SELECT folded_id FROM ledger_fold');
  return rows[0]?.folded_id ?? '0';
}

/** $2 is the last id that is folded, $3 the time, $4 and $5 the day and the minute in which it lies. */
const ROLLUPS = (basis: string, grain: string, buckets: string) =>
  `SELECT debit_account, credit_account, sum(amount) AS amount FROM ledger_rollups
   WHERE basis = '${basis}' AND grain = '${grain}' ${buckets} GROUP BY 1, 2`;
const TAIL = 'SELECT debit_account, credit_account, amount FROM journal WHERE id > $2::bigint';

function movedByNow(basis: string): string {
  return `${ROLLUPS(basis, 'day', '')} UNION ALL ${TAIL}`;
}

/** Whole days, the minutes of the last day, the entries of the last minute, and what is not folded. */
function movedBefore(basis: string, entriesOfMinute: string): string {
  return `${ROLLUPS(basis, 'day', 'AND bucket < $4')}
    UNION ALL ${ROLLUPS(basis, 'minute', 'AND bucket >= $4 AND bucket < $5')}
    UNION ALL ${entriesOfMinute}
    UNION ALL ${TAIL} AND ${basis}_at < $3`;
}

const inMinute = (basis: string) =>
  `SELECT debit_account, credit_account, amount FROM journal WHERE id <= $2::bigint AND ${basis}_at >= $5 AND ${basis}_at < $3`;
/** The minute's rollups know between which ids its entries stand. */
const MINUTE_SHAPES = {
  recorded: inMinute('recorded'),
  event: `${inMinute('event')} AND id BETWEEN
    (SELECT min(first_id) FROM ledger_rollups WHERE basis = 'event' AND grain = 'minute' AND bucket = $5)
    AND (SELECT max(last_id) FROM ledger_rollups WHERE basis = 'event' AND grain = 'minute' AND bucket = $5)`,
} as const;

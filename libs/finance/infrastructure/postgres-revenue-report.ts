import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import type {
  PageOfRevenue,
  RevenueKey,
  RevenueQuery,
  RevenueReport,
  RevenueRow,
  RevenueSums,
} from '../application/ports/revenue-report';
import { Parameters, atOneMoment, type Query } from './sql';

const NOTHING: RevenueSums = { calls: '0', earned_atomic: '0', reversed_atomic: '0', revenue_atomic: '0' };

const SUMS = `coalesce(sum(calls), 0)::text AS calls, coalesce(sum(earned), 0)::text AS earned_atomic,
  coalesce(sum(reversed), 0)::text AS reversed_atomic, coalesce(sum(earned - reversed), 0)::text AS revenue_atomic`;

const KEY_COLUMNS: Readonly<Record<RevenueKey, string>> = {
  day: "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
  operation: 'operation',
  network: 'network',
  wallet: 'wallet',
};

/** Revenue accounts of the journal by the day an entry was recorded. */
@Injectable()
export class PostgresRevenueReport implements RevenueReport {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async page(query: RevenueQuery, after: readonly string[] | undefined, limit: number): Promise<PageOfRevenue> {
    return atOneMoment(this.pool, async (client) => {
      const { rows } = await client.query<RevenueRow>(pageQuery(query, after, limit));
      const totals = await client.query<RevenueSums>(totalsQuery(query));
      return { rows: rows.slice(0, limit), hasMore: rows.length > limit, totals: totals.rows[0] ?? NOTHING };
    });
  }
}

/** What each revenue account got and gave back. */
function lines(query: RevenueQuery, parameters: Parameters): string {
  const range = `j.recorded_at >= ${parameters.add(query.days.from)} AND j.recorded_at < ${parameters.add(query.days.to)}`;
  const wallet = query.wallet === undefined ? '' : `AND j.wallet = ${parameters.add(query.wallet)}`;
  const account = query.operation === undefined ? '' : `AND a.code = ${parameters.add(`revenue:${query.operation}`)}`;
  const side = (column: string, calls: number, earned: string, reversed: string): string =>
    `SELECT j.recorded_at AS at, substr(a.code, 9) AS operation, a.network, coalesce(j.wallet, '') AS wallet, ${calls} AS calls,
       ${earned} AS earned, ${reversed} AS reversed
     FROM journal j JOIN ledger_accounts a ON a.id = j.${column} WHERE a.code LIKE 'revenue:%' AND ${range} ${wallet} ${account}`;
  return `${side('credit_account', 1, 'j.amount', '0')} UNION ALL ${side('debit_account', 0, '0', 'j.amount')}`;
}

function pageQuery(query: RevenueQuery, after: readonly string[] | undefined, limit: number): Query {
  const parameters = new Parameters();
  const keys = query.groupBy.join(', ');
  const columns = query.groupBy.map((key) => `${KEY_COLUMNS[key]} COLLATE "C" AS ${key}`).join(', ');
  const behind =
    after === undefined ? '' : `WHERE (${keys}) > (${after.map((value) => `${parameters.add(value)}::text`).join(', ')})`;
  const text = `WITH keyed AS (SELECT ${columns}, calls, earned, reversed FROM (${lines(query, parameters)}) lines)
    SELECT ${keys}, ${SUMS} FROM keyed ${behind} GROUP BY ${keys} ORDER BY ${keys} LIMIT ${parameters.add(limit + 1)}`;
  return { text, values: parameters.values };
}

function totalsQuery(query: RevenueQuery): Query {
  const parameters = new Parameters();
  return { text: `SELECT ${SUMS} FROM (${lines(query, parameters)}) lines`, values: parameters.values };
}

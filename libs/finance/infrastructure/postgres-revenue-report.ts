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
import { journalLines } from './journal-lines-sql';
import { Parameters, atOneMoment, readFoldedId, type Query } from './sql';

const NOTHING: RevenueSums = { calls: '0', earned_atomic: '0', reversed_atomic: '0', revenue_atomic: '0' };

const SUMS = `coalesce(sum(calls), 0)::text AS calls, coalesce(sum(earned), 0)::text AS earned_atomic,
  coalesce(sum(reversed), 0)::text AS reversed_atomic, coalesce(sum(earned - reversed), 0)::text AS revenue_atomic`;

const KEY_COLUMNS: Readonly<Record<RevenueKey, string>> = {
  day: "to_char(day, 'YYYY-MM-DD')",
  operation: 'operation',
  network: 'network',
  wallet: 'wallet',
};

/** Revenue by the day of recording: the daily sums, and the entries that are not in them yet. */
@Injectable()
export class PostgresRevenueReport implements RevenueReport {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async page(query: RevenueQuery, after: readonly string[] | undefined, limit: number): Promise<PageOfRevenue> {
    return atOneMoment(this.pool, async (client) => {
      const foldedId = await readFoldedId(client);
      const { rows } = await client.query<RevenueRow>(pageQuery(query, foldedId, after, limit));
      const totals = await client.query<RevenueSums>(totalsQuery(query, foldedId));
      return { rows: rows.slice(0, limit), hasMore: rows.length > limit, totals: totals.rows[0] ?? NOTHING };
    });
  }
}

/** The sums by wallet are more rows: they are read only where a wallet is asked for. */
function lines(query: RevenueQuery, foldedId: string, needsWallets: boolean, parameters: Parameters): string {
  const conditions = [
    `day >= ${parameters.add(query.days.from)}::timestamptz AT TIME ZONE 'UTC'`,
    `day < ${parameters.add(query.days.to)}::timestamptz AT TIME ZONE 'UTC'`,
    "network <> ''",
    ...(query.wallet === undefined ? [] : [`wallet = ${parameters.add(query.wallet)}`]),
    ...(query.operation === undefined ? [] : [`operation = ${parameters.add(query.operation)}`]),
  ].join(' AND ');
  const sums = needsWallets
    ? 'finance_wallet_days'
    : "(SELECT *, '' AS wallet FROM finance_days WHERE calls > 0 OR reversed_atomic > 0) days";
  return `SELECT day, operation, network, wallet, calls, earned_atomic AS earned, reversed_atomic AS reversed FROM ${sums} WHERE ${conditions}
    UNION ALL SELECT day, operation, network, wallet, calls, earned, reversed
    FROM (${journalLines(`j.id > ${parameters.add(foldedId)}::bigint`)}) tail WHERE (earned > 0 OR reversed > 0) AND ${conditions}`;
}

const needsWallets = (query: RevenueQuery): boolean => query.wallet !== undefined || query.groupBy.includes('wallet');

function pageQuery(query: RevenueQuery, foldedId: string, after: readonly string[] | undefined, limit: number): Query {
  const parameters = new Parameters();
  const keys = query.groupBy.join(', ');
  const columns = query.groupBy.map((key) => `${KEY_COLUMNS[key]} COLLATE "C" AS ${key}`).join(', ');
  const behind =
    after === undefined ? '' : `WHERE (${keys}) > (${after.map((value) => `${parameters.add(value)}::text`).join(', ')})`;
  const text = `WITH keyed AS (SELECT ${columns}, calls, earned, reversed FROM (${lines(query, foldedId, needsWallets(query), parameters)}) lines)
    SELECT ${keys}, ${SUMS} FROM keyed ${behind} GROUP BY ${keys} ORDER BY ${keys} LIMIT ${parameters.add(limit + 1)}`;
  return { text, values: parameters.values };
}

function totalsQuery(query: RevenueQuery, foldedId: string): Query {
  const parameters = new Parameters();
  return {
    text: `SELECT ${SUMS} FROM (${lines(query, foldedId, query.wallet !== undefined, parameters)}) lines`,
    values: parameters.values,
  };
}

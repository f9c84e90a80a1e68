import { Inject, Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { atOneMoment } from '@tollbox/platform/database/transaction';
import type {
  PageOfRevenue,
  RevenueKey,
  RevenueQuery,
  RevenueReport,
  RevenueRow,
  RevenueSums,
} from '../application/ports/revenue-report';
import { journalLines } from './journal-lines-sql';
import { Parameters, readFoldedId, type Query } from './sql';

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
      const lastWallet = query.groupBy[0] === 'wallet' ? await readLastWallet(client, query, foldedId, after?.[0], limit) : null;
      const { rows } = await client.query<RevenueRow>(pageQuery({ ...query, lastWallet }, foldedId, after, limit));
      const totals = await client.query<RevenueSums>(totalsQuery(query, foldedId));
      return { rows: rows.slice(0, limit), hasMore: rows.length > limit, totals: totals.rows[0] ?? NOTHING };
    });
  }
}

/** A page of a report by wallet reads the sums of these wallets only: of each there is at least one row. */
interface WalletRange extends RevenueQuery {
  readonly firstWallet?: string | undefined;
  readonly lastWallet?: string | null;
}

/** Conditions on day, operation, network and wallet. A wallet is lower-case hex, whose order is the same in every collation. */
function conditionsOf(query: WalletRange, parameters: Parameters): string {
  return [
    `day >= ${parameters.add(query.days.from)}::timestamptz AT TIME ZONE 'UTC'`,
    `day < ${parameters.add(query.days.to)}::timestamptz AT TIME ZONE 'UTC'`,
    "network <> ''",
    ...(query.wallet === undefined ? [] : [`wallet = ${parameters.add(query.wallet)}`]),
    ...(query.operation === undefined ? [] : [`operation = ${parameters.add(query.operation)}`]),
    ...(query.firstWallet === undefined ? [] : [`wallet >= ${parameters.add(query.firstWallet)}`]),
    ...(query.lastWallet == null ? [] : [`wallet <= ${parameters.add(query.lastWallet)}`]),
  ].join(' AND ');
}

/** Entries that are not in the daily sums yet. */
const tailOf = (foldedId: string, conditions: string, parameters: Parameters): string =>
  `SELECT day, operation, network, wallet, calls, earned, reversed
    FROM (${journalLines(`j.id > ${parameters.add(foldedId)}::bigint`)}) tail WHERE (earned > 0 OR reversed > 0) AND ${conditions}`;

/** The last wallet that a page can hold a row of; null when there is none. */
async function readLastWallet(
  client: PoolClient,
  query: RevenueQuery,
  foldedId: string,
  firstWallet: string | undefined,
  limit: number,
): Promise<string | null> {
  const parameters = new Parameters();
  const conditions = conditionsOf({ ...query, firstWallet }, parameters);
  const count = parameters.add(limit + 2); // the first one may be through: its last row is on the page before
  const { rows } = await client.query<{ wallet: string | null }>(
    `SELECT max(wallet) AS wallet FROM (
       SELECT wallet FROM (
         (SELECT DISTINCT wallet FROM finance_wallet_days WHERE ${conditions} ORDER BY wallet LIMIT ${count})
         UNION SELECT wallet FROM (${tailOf(foldedId, conditions, parameters)}) tail) found
       ORDER BY wallet LIMIT ${count}) page`,
    parameters.values,
  );
  return rows[0]?.wallet ?? null;
}

/** The sums by wallet are more rows: they are read only where a wallet is asked for. */
function lines(query: WalletRange, foldedId: string, needsWallets: boolean, parameters: Parameters): string {
  const conditions = conditionsOf(query, parameters);
  const sums = needsWallets
    ? 'finance_wallet_days'
    : "(SELECT *, '' AS wallet FROM finance_days WHERE calls > 0 OR reversed_atomic > 0) days";
  return `SELECT day, operation, network, wallet, calls, earned_atomic AS earned, reversed_atomic AS reversed FROM ${sums} WHERE ${conditions}
    UNION ALL ${tailOf(foldedId, conditions, parameters)}`;
}

const needsWallets = (query: RevenueQuery): boolean => query.wallet !== undefined || query.groupBy.includes('wallet');

function pageQuery(query: WalletRange, foldedId: string, after: readonly string[] | undefined, limit: number): Query {
  const parameters = new Parameters();
  const asked = { ...query, firstWallet: query.groupBy[0] === 'wallet' ? after?.[0] : undefined };
  const keys = query.groupBy.join(', ');
  const columns = query.groupBy.map((key) => `${KEY_COLUMNS[key]} COLLATE "C" AS ${key}`).join(', ');
  const behind =
    after === undefined ? '' : `WHERE (${keys}) > (${after.map((value) => `${parameters.add(value)}::text`).join(', ')})`;
  const text = `WITH keyed AS (SELECT ${columns}, calls, earned, reversed FROM (${lines(asked, foldedId, needsWallets(query), parameters)}) lines)
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

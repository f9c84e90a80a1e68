import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { atOneMoment } from '@tollbox/platform/database/transaction';
import type { MarginReport, OperationMargin, SandboxMargin, SandboxPlace } from '../application/ports/margin-report';
import type { ReportDays } from '../domain/report-days';
import { journalLines } from './journal-lines-sql';
import { iso, readFoldedId } from './sql';

/** USD at 10⁻¹² of one atomic unit: the newest version that is in effect at the end of the day. */
const rateAt = (asset: string): string => `(SELECT numerator / denominator FROM rates WHERE base = '${asset}' AND quote = 'USD'
  AND effective_from < (day + 1)::timestamp AT TIME ZONE 'UTC' ORDER BY version DESC LIMIT 1)`;

/** Adds up `lines` (day, calls, earned, reversed, gas, fees, cost); what is zero needs no rate. */
const SUMS = `sum(calls)::text AS calls, sum(earned - reversed)::text AS revenue_atomic, sum(gas)::text AS gas_wei, sum(fees)::text AS fees_atomic,
  sum(cost)::text AS provider_cost_pico_usd, round(sum(revenue_usd))::text AS revenue_pico_usd, round(sum(cost_usd))::text AS cost_pico_usd,
  (round(sum(revenue_usd)) - round(sum(cost_usd)))::text AS margin_pico_usd`;

/** One missing rate makes the whole sum unknown, and not smaller. */
const NULL_IF_UNKNOWN = (column: string): string => `CASE WHEN bool_or(${column} IS NULL) THEN NULL ELSE sum(${column}) END`;

const valued = (keys: string, lines: string): string => `
  SELECT ${keys}, sum(calls) AS calls, sum(earned) AS earned, sum(reversed) AS reversed, sum(gas) AS gas, sum(fees) AS fees, sum(cost) AS cost,
    ${NULL_IF_UNKNOWN('revenue_usd')} AS revenue_usd, ${NULL_IF_UNKNOWN('cost_usd')} AS cost_usd
  FROM (
    SELECT *, CASE WHEN earned = reversed THEN 0 ELSE (earned - reversed) * usdc END AS revenue_usd,
      cost + CASE WHEN gas = 0 THEN 0 ELSE gas * eth END + CASE WHEN fees = 0 THEN 0 ELSE fees * usdc END AS cost_usd
    FROM (SELECT *, ${rateAt('USDC')} AS usdc, ${rateAt('ETH')} AS eth FROM (
      SELECT ${keys}, day, sum(calls) AS calls, sum(earned) AS earned, sum(reversed) AS reversed, sum(gas) AS gas, sum(fees) AS fees, sum(cost) AS cost
      FROM (${lines}) lines GROUP BY ${keys}, day) days) rated
  ) priced GROUP BY ${keys}`;

const OPERATION_LINES = `
  SELECT operation, day, calls, earned_atomic AS earned, reversed_atomic AS reversed, gas_wei AS gas, fees_atomic AS fees, cost_pico_usd AS cost
  FROM finance_days WHERE day >= $1::date AND day < $2::date
  UNION ALL SELECT operation, day, calls, earned, reversed, gas, fees, cost FROM (${journalLines('j.id > $3::bigint')}) tail
  WHERE day >= $1::date AND day < $2::date`;

const BY_OPERATION = `SELECT operation, ${SUMS} FROM (${valued('operation', OPERATION_LINES)}) v GROUP BY operation ORDER BY operation COLLATE "C"`;

/** From a page of sandboxes to their operations, to the payments of those, to their entries: each by an index. */
const PAGE = `SELECT id, owner, created_at FROM sandboxes WHERE created_at >= $1::date AND created_at < $2::date
  AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4)) ORDER BY created_at DESC, id DESC LIMIT $5`;

const ENTRIES = `SELECT id FROM (
    SELECT jp.id FROM page JOIN operations po ON po.sandbox_id = page.id JOIN payments pp ON pp.operation_id = po.id JOIN journal jp ON jp.subject = pp.id
    UNION SELECT js.id FROM page JOIN operations so ON so.sandbox_id = page.id JOIN journal js ON js.subject = so.id) of_page`;

const BY_SANDBOX = `WITH page AS MATERIALIZED (${PAGE}), lines AS (
    SELECT own.sandbox_id, l.* FROM (${journalLines(`j.id = ANY (ARRAY(${ENTRIES}))`).replace('SELECT (j.recorded_at', 'SELECT j.operation_id, (j.recorded_at')}) l
    JOIN operations own ON own.id = l.operation_id)
  SELECT page.id AS sandbox_id, page.owner, ${iso('page.created_at')} AS created_at, ${SUMS}
  FROM page LEFT JOIN (${valued('sandbox_id', 'SELECT * FROM lines')}) v ON v.sandbox_id = page.id
  GROUP BY page.id, page.owner, page.created_at ORDER BY page.created_at DESC, page.id DESC`;

const NOTHING = { calls: '0', revenue_atomic: '0', gas_wei: '0', fees_atomic: '0', provider_cost_pico_usd: '0' };
const NOTHING_IN_USD = { revenue_pico_usd: '0', cost_pico_usd: '0', margin_pico_usd: '0' };

/** Margins from the daily sums, and of sandboxes from the entries of their calls. */
@Injectable()
export class PostgresMarginReport implements MarginReport {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  byOperation({ from, to }: ReportDays): Promise<readonly OperationMargin[]> {
    return atOneMoment(this.pool, async (client) => {
      const values = [dateOf(from), dateOf(to), await readFoldedId(client)];
      return (await client.query<OperationMargin>(BY_OPERATION, values)).rows;
    });
  }

  async bySandbox({ from, to }: ReportDays, after: SandboxPlace | undefined, limit: number) {
    const values = [dateOf(from), dateOf(to), after?.createdAt ?? null, after?.id ?? null, limit + 1];
    const { rows } = await this.pool.query<SandboxMargin>(BY_SANDBOX, values);
    const whole = rows.map((row): SandboxMargin => (hasSums(row) ? row : { ...row, ...NOTHING, ...NOTHING_IN_USD }));
    return { rows: whole.slice(0, limit), hasMore: rows.length > limit };
  }
}

const dateOf = (date: Date): string => date.toISOString().slice(0, 10);

/** A sandbox without an entry has no sums at all. */
const hasSums = (row: { readonly calls: string | null }): boolean => row.calls !== null;

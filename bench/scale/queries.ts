import type { Pool } from 'pg';
import { quantile } from '../stats';

export const P95_LIMIT_MS = 150;
const WARM_UP = 3;

export interface QueryTime {
  readonly name: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
}

export interface Staff {
  readonly url: string;
  readonly token: string;
}

type Query = readonly [name: string, path: string];

const DAY_MS = 86_400_000;
const iso = (ms: number): string => new Date(ms).toISOString();

/** One of each question that finance asks: newest pages, deep pages, rare things among millions, sums over a month. */
export async function financeQueries(pool: Pool, staff: Staff): Promise<Query[]> {
  const { rows } = await pool.query<{ id: string; payer: string; transaction_hash: string; claimed_at: Date }>(
    "SELECT id, payer, transaction_hash, claimed_at FROM payments WHERE state = 'settled' ORDER BY claimed_at OFFSET 1000 LIMIT 1",
  );
  const { id, payer, transaction_hash: transaction } = rows[0]!;
  const now = Date.now();
  const month = `from=${iso(now - 29 * DAY_MS).slice(0, 10)}&to=${iso(now + DAY_MS).slice(0, 10)}`;
  const twoDays = `from=${iso(now - 16 * DAY_MS)}&to=${iso(now - 14 * DAY_MS)}`;
  const deep = await deepCursor(staff, `/finance/entries?to=${iso(now - 20 * DAY_MS)}&limit=200`);
  return [
    ['payments, newest', '/finance/payments'],
    ['payments, a state', '/finance/payments?state=failed&limit=200'],
    ['payments, a wallet', `/finance/payments?wallet=${payer}`],
    ['payments, two days', `/finance/payments?${twoDays}&operation=sandbox.create`],
    ['payments, a transaction', `/finance/payments?transaction=${transaction}`],
    ['payment', `/finance/payments/${id}`],
    ['accounts', '/finance/accounts'],
    ['trial balance', '/finance/trial-balance'],
    ['trial balance at a time', `/finance/trial-balance?at=${iso(now - 12.3 * DAY_MS)}`],
    ['trial balance by event', `/finance/trial-balance?basis=event&at=${iso(now - 12.3 * DAY_MS)}`],
    ['entries, newest', '/finance/entries?limit=200'],
    ['entries, deep page', `/finance/entries?to=${iso(now - 20 * DAY_MS)}&limit=200&cursor=${deep}`],
    ['entries, rare account', '/finance/entries?account=customer_debt&limit=200'],
    ['entries, busy account', `/finance/entries?account=treasury&to=${iso(now - 15 * DAY_MS)}&limit=200`],
    ['entries, a payment', `/finance/entries?subject=${id}`],
    ['entries, a wallet', `/finance/entries?wallet=${payer}&limit=200`],
    ['entries, a rare event', '/finance/entries?event=expired&limit=200'],
    ['revenue by day', `/finance/revenue?${month}`],
    ['revenue by day and operation', `/finance/revenue?${month}&group_by=day,operation,network&limit=1000`],
    ['revenue by wallet', `/finance/revenue?${month}&group_by=wallet`],
    ['revenue of a wallet by day', `/finance/revenue?${month}&group_by=day,operation&wallet=${payer}`],
    ['margin by operation', `/finance/margin/operations?${month}`],
    ['margin by sandbox', `/finance/margin/sandboxes?${month}`],
    ['ageing', '/finance/ageing'],
    ['debts', '/finance/debts?limit=200'],
    ['credits', '/finance/credits?limit=200'],
  ];
}

async function deepCursor(staff: Staff, path: string): Promise<string> {
  const page = JSON.parse(await fetchText(staff, path)) as { next_cursor: string };
  return page.next_cursor;
}

export async function fetchText({ url, token }: Staff, path: string): Promise<string> {
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 300)}`);
  return text;
}

/** One after another over HTTP, as a person's browser does. */
export async function measureQueries(staff: Staff, queries: readonly Query[], times: number): Promise<QueryTime[]> {
  const results: QueryTime[] = [];
  for (const [name, path] of queries) {
    for (let n = 0; n < WARM_UP; n++) await fetchText(staff, path);
    const tookMs: number[] = [];
    for (let n = 0; n < times; n++) {
      const startedAt = performance.now();
      await fetchText(staff, path);
      tookMs.push(performance.now() - startedAt);
    }
    tookMs.sort((one, other) => one - other);
    results.push({ name, p50Ms: quantile(tookMs, 0.5), p95Ms: quantile(tookMs, 0.95), maxMs: tookMs.at(-1)! });
  }
  return results;
}

import type { Pool } from 'pg';
import { quantile } from '../stats';

const WARM_UP = 3;

export interface QueryTime {
  readonly name: string;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly maxMs: number;
  readonly bytes: number;
}

export interface Staff {
  readonly url: string;
  readonly token: string;
}

type Query = readonly [name: string, path: string];

const DAY_MS = 86_400_000;
const iso = (ms: number): string => new Date(ms).toISOString();

interface Sample {
  readonly id: string;
  readonly payer: string;
  readonly operation_id: string;
  readonly transaction_hash: string;
  readonly claimed_at: Date;
  readonly newest_at: Date;
}

/** A settled payment from the middle of the month. */
async function sampleOf(pool: Pool): Promise<Sample> {
  const { rows } = await pool.query<Sample>(
    `SELECT id, payer, operation_id, transaction_hash, claimed_at, newest_at FROM payments, (SELECT max(claimed_at) AS newest_at FROM payments) newest
     WHERE state = 'settled' AND claimed_at < newest_at - interval '15 days' ORDER BY claimed_at DESC LIMIT 1`,
  );
  return rows[0]!;
}

/** Every route of the finance API that reads, each of its filters, the newest and a deep page, common values and rare ones. */
export async function financeQueries(pool: Pool, staff: Staff): Promise<Query[]> {
  const sample = await sampleOf(pool);
  const now = sample.newest_at.getTime();
  return [
    ...(await paymentQueries(staff, sample, now)),
    ...(await entryQueries(staff, sample, now)),
    ...(await reportQueries(staff, sample, now)),
    ...(await openItemQueries(staff, sample)),
    ...reconciliationQueries(),
  ];
}

async function paymentQueries(
  staff: Staff,
  { id, payer, operation_id, transaction_hash }: Sample,
  now: number,
): Promise<Query[]> {
  const page = (filter: string): Query => [`payments ${filter || 'without a filter'}`, `/finance/payments?${filter}&limit=200`];
  const named = (name: string, filter: string): Query => [`payments ${name}`, `/finance/payments?${filter}&limit=200`];
  const twoDays = `from=${iso(now - 16 * DAY_MS)}&to=${iso(now - 14 * DAY_MS)}`;
  const deep = await cursorOf(staff, `/finance/payments?to=${iso(now - 20 * DAY_MS)}&limit=200`);
  return [
    page(''),
    named('deep page', `cursor=${deep}`),
    ...['settled', 'failed', 'voided', 'expired', 'queued', 'unknown', 'claimed'].map((state) => page(`state=${state}`)),
    page('operation=sandbox.exec'),
    named('of an operation that nobody bought', 'operation=sandbox.snapshot'),
    named('of a wallet', `wallet=${payer}`),
    named('of an unknown wallet', `wallet=0x${'1'.repeat(40)}`),
    named('of a wallet, deep page', `wallet=${payer}&cursor=${deep}`),
    named('of a wallet in a state', `wallet=${payer}&state=failed`),
    named('of an operation id', `operation_id=${operation_id}`),
    named('of a transaction', `transaction=${transaction_hash}`),
    named('of two days', twoDays),
    named('of two days, operation and state', `${twoDays}&operation=sandbox.create&state=settled`),
    named('failed of two days', `${twoDays}&state=failed`),
    named('before a time, in a state', `to=${iso(now - 25 * DAY_MS)}&state=settled`),
    ['payment', `/finance/payments/${id}`],
  ];
}

async function entryQueries(staff: Staff, { id, payer }: Sample, now: number): Promise<Query[]> {
  const named = (name: string, filter: string): Query => [`entries ${name}`, `/finance/entries?${filter}&limit=200`];
  const old = `to=${iso(now - 20 * DAY_MS)}`;
  const deep = await cursorOf(staff, `/finance/entries?${old}&limit=200`);
  return [
    named('without a filter', ''),
    named('deep page', `cursor=${deep}`),
    named('of a time', `from=${iso(now - 16 * DAY_MS)}&to=${iso(now - 14 * DAY_MS)}`),
    ...['treasury', 'customer_debt', 'credits', 'gas_expense', 'revenue:sandbox.status'].map((account) =>
      named(`of the account ${account}`, `account=${account}`),
    ),
    named('of the account treasury, deep page', `account=treasury&cursor=${deep}`),
    named('of an account nobody used', 'account=bad_debt'),
    named('of a subject', `subject=${id}`),
    ...['executed', 'gas', 'expired', 'refund_paid'].map((event) => named(`of the event ${event}`, `event=${event}`)),
    named('of the event expired, deep page', `event=expired&cursor=${deep}`),
    named('of an account and an event', 'account=treasury&event=settled'),
    named('of a rare account and a rare event', 'account=customer_debt&event=failed'),
    named('of a wallet', `wallet=${payer}`),
    named('of a wallet, deep page', `wallet=${payer}&cursor=${deep}`),
    named('of an unknown wallet', `wallet=0x${'1'.repeat(40)}`),
    named('of a wallet and an account', `wallet=${payer}&account=treasury`),
    ...['USDC', 'ETH', 'USD'].map((asset) => named(`in ${asset}`, `asset=${asset}`)),
    named('in ETH, deep page', `asset=ETH&cursor=${deep}`),
  ];
}

async function reportQueries(staff: Staff, { payer }: Sample, now: number): Promise<Query[]> {
  const month = `from=${iso(now - 29 * DAY_MS).slice(0, 10)}&to=${iso(now + DAY_MS).slice(0, 10)}`;
  const balances = ['accounts', 'trial-balance'].flatMap((route): Query[] => [
    [route, `/finance/${route}`],
    [`${route} at a time`, `/finance/${route}?at=${iso(now - 12.3 * DAY_MS)}`],
    [`${route} by event`, `/finance/${route}?basis=event`],
    [`${route} by event at a time`, `/finance/${route}?basis=event&at=${iso(now - 12.3 * DAY_MS)}`],
  ]);
  const wallets = `/finance/revenue?${month}&group_by=wallet`;
  const sandboxes = `/finance/margin/sandboxes?from=${iso(now - 29 * DAY_MS).slice(0, 10)}&to=${iso(now - 14 * DAY_MS).slice(0, 10)}`;
  return [
    ...balances,
    ['revenue by day', `/finance/revenue?${month}`],
    ['revenue by day, operation and network', `/finance/revenue?${month}&group_by=day,operation,network&limit=1000`],
    ['revenue of an operation', `/finance/revenue?${month}&operation=sandbox.exec`],
    ['revenue by wallet', `${wallets}&limit=200`],
    ['revenue by wallet, next page', `${wallets}&limit=200&cursor=${await cursorOf(staff, `${wallets}&limit=5`)}`],
    ['revenue by day and wallet', `/finance/revenue?${month}&group_by=day,wallet&limit=200`],
    ['revenue of a wallet by day', `/finance/revenue?${month}&group_by=day,operation&wallet=${payer}`],
    ['margin by operation', `/finance/margin/operations?${month}`],
    ['margin by sandbox', `/finance/margin/sandboxes?${month}&limit=200`],
    ['margin by sandbox, deep page', `${sandboxes}&limit=200&cursor=${await cursorOf(staff, sandboxes)}`],
    ['ageing', '/finance/ageing'],
    ['periods', '/finance/periods'],
  ];
}

async function openItemQueries(staff: Staff, { id, payer }: Sample): Promise<Query[]> {
  return [
    ['debts', '/finance/debts?limit=200'],
    ['debts, next page', `/finance/debts?limit=200&cursor=${await cursorOf(staff, '/finance/debts?limit=1')}`],
    ['debts of a wallet', `/finance/debts?wallet=${payer}`],
    ['credits', '/finance/credits?limit=200'],
    ['credits, next page', `/finance/credits?limit=200&cursor=${await cursorOf(staff, '/finance/credits?limit=1')}`],
    ['refunds', '/finance/refunds?limit=200'],
    ['refunds in a state', '/finance/refunds?state=queued'],
    ['refunds of a payment', `/finance/refunds?payment_id=${id}`],
    ['refunds of a wallet', `/finance/refunds?wallet=${payer}`],
  ];
}

function reconciliationQueries(): Query[] {
  const filters = ['state=open', 'class=missing_transfer', 'subject=treasury', 'run=1'];
  return [
    ['reconciliation runs', '/finance/reconciliation/runs'],
    ['reconciliation items', '/finance/reconciliation/items'],
    ...filters.map((filter): Query => [`reconciliation items ${filter}`, `/finance/reconciliation/items?${filter}`]),
  ];
}

async function cursorOf(staff: Staff, path: string): Promise<string> {
  const { next_cursor: cursor } = JSON.parse(await fetchText(staff, path)) as { next_cursor: string | null };
  if (cursor === null) throw new Error(`${path} has no second page`);
  return cursor;
}

async function fetchText({ url, token }: Staff, path: string): Promise<string> {
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text.slice(0, 300)}`);
  return text;
}

/** One after another over HTTP, as a person's browser does. */
export async function measureQueries(staff: Staff, queries: readonly Query[], times: number): Promise<QueryTime[]> {
  const results: QueryTime[] = [];
  for (const [name, path] of queries) {
    let bytes = 0;
    for (let n = 0; n < Math.min(WARM_UP, times); n++) bytes = (await fetchText(staff, path)).length;
    const tookMs: number[] = [];
    for (let n = 0; n < times; n++) {
      const startedAt = performance.now();
      await fetchText(staff, path);
      tookMs.push(performance.now() - startedAt);
    }
    tookMs.sort((one, other) => one - other);
    results.push({ name, p50Ms: quantile(tookMs, 0.5), p95Ms: quantile(tookMs, 0.95), maxMs: tookMs.at(-1)!, bytes });
  }
  return results;
}

import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import type { EntryFilter, LedgerEntry } from '@tollbox/ledger/application/ports/ledger-queries';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { PostgresLedgerQueries } from '@tollbox/ledger/infrastructure/postgres-ledger-queries';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { testDatabase, type TestDatabase } from '../support/stack';

const NETWORK = 'eip155:84532';

describe('what the books tell', () => {
  let database: TestDatabase;
  let pool: Pool;
  let books: PostgresLedgerQueries;
  const journal = new Journal(NETWORK);
  const append = (...postings: Posting[]) => inTransaction(pool, (client) => journal.append(client, postings));
  const now = async () => (await pool.query<{ now: Date }>('SELECT clock_timestamp() AS now')).rows[0]!.now;
  const balanceAt = async (code: string, moment = {}) => (await books.balanceOf(code, moment))?.balance;

  const sold = (amount: bigint, changes: Partial<Posting> = {}): Posting => ({
    subject: randomUUID(),
    event: 'executed',
    debit: 'authorized',
    credit: 'revenue:sandbox.exec',
    amount,
    wallet: '0xaa',
    ...changes,
  });

  beforeAll(async () => {
    database = await testDatabase();
    pool = new Pool({ connectionString: database.url, max: 4 });
    books = new PostgresLedgerQueries(pool);
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  it('balances accounts on the side on which they grow, at any time of either kind', async () => {
    const start = await now();
    const dayBefore = new Date(start.getTime() - 86_400_000);
    await append(sold(700n, { eventAt: dayBefore }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const between = await now();
    await append(sold(300n), sold(9n, { event: 'gas', debit: 'gas_expense', credit: 'gas_wallet' }));

    expect(await balanceAt('authorized')).toBe(1_000n);
    expect(await balanceAt('revenue:sandbox.exec')).toBe(1_000n);
    expect(await balanceAt('gas_wallet')).toBe(-9n);
    expect(await balanceAt('authorized', { at: between })).toBe(700n);
    expect(await balanceAt('authorized', { at: start })).toBe(0n);
    expect(await balanceAt('authorized', { at: start, basis: 'event' })).toBe(700n);
    expect(await balanceAt('authorized', { at: dayBefore, basis: 'event' })).toBe(0n);
    expect(await balanceAt('no_such_account')).toBeUndefined();
    const { accounts, totals } = await books.trialBalance();
    expect(accounts.map(({ code }) => code)).toEqual(['authorized', 'gas_expense', 'gas_wallet', 'revenue:sandbox.exec']);
    expect(totals).toEqual([
      { asset: 'USDC', network: NETWORK, debits: 1_000n, credits: 1_000n },
      { asset: 'ETH', network: NETWORK, debits: 9n, credits: 9n },
    ]);
  });

  it('lists entries by what is asked for, in both orders, and is not confused by new ones', async () => {
    const subject = randomUUID();
    const operationId = randomUUID();
    const wallet = '0xbb';
    const from = await now();
    for (let round = 1; round <= 7; round++)
      await append(sold(BigInt(round), { subject, operationId, wallet, event: 'test', round }));
    const list = async (filter: EntryFilter, order: 'newest' | 'oldest') => {
      const seen: LedgerEntry[] = [];
      for (let after: bigint | undefined; ; after = seen.at(-1)?.id) {
        const page = await books.entries(filter, { order, after, limit: 3 });
        seen.push(...page.entries);
        if (!page.hasMore) return seen.map(({ amount }) => amount);
        if (order === 'newest') await append(sold(1n, { wallet, event: 'late' }));
      }
    };
    const newest = [7n, 6n, 5n, 4n, 3n, 2n, 1n];
    for (const filter of [
      { subject },
      { operationId },
      { event: 'test' },
      { account: 'authorized', from, event: 'test' },
      { wallet },
    ]) {
      expect(await list({ ...filter, event: 'test' }, 'newest')).toEqual(newest);
      expect(await list({ ...filter, event: 'test' }, 'oldest')).toEqual([...newest].reverse());
    }
    expect(await list({ event: 'test', to: from }, 'newest')).toEqual([]);
    expect(await books.totals({ subject, event: 'test' })).toEqual([
      { asset: 'USDC', network: NETWORK, entries: 7, amount: 28n },
    ]);
    const page = await books.entries({ subject }, { order: 'oldest', limit: 1 });
    expect(page.entries[0]).toMatchObject({
      debit: 'authorized',
      credit: 'revenue:sandbox.exec',
      amount: 1n,
      asset: 'USDC',
      network: NETWORK,
      subject,
      operationId,
      wallet,
      round: 1,
      leg: 1,
    });
  });
});

import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { FoldJournal } from '@tollbox/ledger/application/fold-journal';
import type { Moment } from '@tollbox/ledger/application/ports/ledger-queries';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { PostgresLedgerQueries } from '@tollbox/ledger/infrastructure/postgres-ledger-queries';
import { PostgresRollups } from '@tollbox/ledger/infrastructure/postgres-rollups';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { foldJournal } from '../support/ledger/fold-journal';
import { testDatabase, type TestDatabase } from '../support/stack';

const NETWORK = 'eip155:84532';
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

describe('balances', () => {
  let database: TestDatabase;
  let pool: Pool;
  let books: PostgresLedgerQueries;
  let journal: Journal;
  const append = (...postings: Posting[]) => inTransaction(pool, (client) => journal.append(client, postings));
  const balanceAt = async (code: string, moment: Moment = {}) => (await books.balanceOf(code, moment))?.balance;
  const notStopping = new AbortController().signal;
  const folded = async () => (await pool.query<{ id: string }>('SELECT folded_id AS id FROM ledger_fold')).rows[0]!.id;

  const sold = (amount: bigint, changes: Partial<Posting> = {}): Posting => ({
    subject: randomUUID(),
    event: 'executed',
    debit: 'authorized',
    credit: 'revenue:sandbox.exec',
    amount,
    wallet: '0xaa',
    ...changes,
  });

  beforeEach(async () => {
    database = await testDatabase();
    pool = new Pool({ connectionString: database.applicationUrl, max: 4 });
    journal = new Journal(NETWORK);
    books = new PostgresLedgerQueries(pool);
  });
  afterEach(async () => {
    await pool.end();
    await database.drop();
  });

  it.each(['before', 'after', 'between'])('are on the side on which an account grows, %s folding', async (when) => {
    await append(sold(700n));
    if (when === 'between') await foldJournal(pool);
    await append(sold(300n), sold(9n, { event: 'gas', debit: 'gas_expense', credit: 'gas_wallet' }));
    if (when === 'after') await foldJournal(pool, 1);
    expect(await balanceAt('authorized')).toBe(1_000n);
    expect(await balanceAt('revenue:sandbox.exec')).toBe(1_000n);
    expect(await balanceAt('gas_wallet')).toBe(-9n);
    expect(await balanceAt('no_such_account')).toBeUndefined();
    const { accounts, totals } = await books.trialBalance();
    expect(accounts.map(({ code }) => code)).toEqual(['authorized', 'gas_expense', 'gas_wallet', 'revenue:sandbox.exec']);
    expect(totals).toEqual([
      { asset: 'USDC', network: NETWORK, debits: 1_000n, credits: 1_000n },
      { asset: 'ETH', network: NETWORK, debits: 9n, credits: 9n },
    ]);
  });

  it('of any time of either kind are those of the entries before it', async () => {
    const day = new Date('2026-03-05T00:00:00.000Z').getTime();
    const times = [-DAY_MS, -1, 0, 1, MINUTE_MS - 1, MINUTE_MS, 5 * MINUTE_MS + 30, DAY_MS - 1, DAY_MS, DAY_MS + 1].map(
      (ms) => day + ms,
    );
    const amounts = times.map((_, index) => 2n ** BigInt(index));
    for (const [index, at] of times.entries()) await append(sold(amounts[index]!, { eventAt: new Date(at) }));
    const check = async () => {
      for (const at of [...times, ...times.map((time) => time + 1)]) {
        const expected = times.reduce((sum, time, index) => (time < at ? sum + amounts[index]! : sum), 0n);
        expect([at - day, await balanceAt('authorized', { at: new Date(at), basis: 'event' })]).toEqual([at - day, expected]);
      }
      const { rows } = await pool.query<{ at: Date; amount: string }>(
        'SELECT recorded_at AS at, amount FROM journal ORDER BY id',
      );
      for (const { at } of rows) {
        const expected = rows.reduce((sum, row) => (row.at < at ? sum + BigInt(row.amount) : sum), 0n);
        expect(await balanceAt('authorized', { at })).toBe(expected);
      }
    };
    await check();
    await foldJournal(pool, 3);
    await check();
    await append(sold(2n ** 20n, { eventAt: new Date(day + 2 * DAY_MS) }));
    await check();
  });

  it('miss nothing that is committed after a newer entry was', async () => {
    await append(sold(100n)); // makes the accounts
    await foldJournal(pool);
    const before = await folded();
    await inTransaction(pool, async (slow) => {
      await journal.append(slow, [sold(1n)]);
      await append(sold(10n));
      const fold = new FoldJournal(new PostgresRollups(pool), 1_000);
      await fold.run(notStopping);
      await fold.run(notStopping);
      expect(await folded()).toBe(before);
      expect(await balanceAt('authorized')).toBe(110n);
    });
    expect(await balanceAt('authorized')).toBe(111n);
    await foldJournal(pool);
    expect(await balanceAt('authorized')).toBe(111n);
    const { rows } = await pool.query(
      `SELECT sum(amount)::text AS sum, sum(entries)::text AS entries FROM ledger_rollups WHERE grain = 'day' AND basis = 'event'`,
    );
    expect(rows).toEqual([{ sum: '111', entries: '3' }]);
  });

  it('are folded once, however many workers fold', async () => {
    for (let amount = 1n; amount <= 40n; amount++) await append(sold(amount));
    await Promise.all([foldJournal(pool, 3), foldJournal(pool, 3), foldJournal(pool, 3)]);
    expect(await balanceAt('authorized')).toBe(820n);
    const { rows } = await pool.query(
      `SELECT sum(entries)::int AS entries FROM ledger_rollups WHERE grain = 'minute' AND basis = 'recorded'`,
    );
    expect(rows).toEqual([{ entries: 40 }]);
  });
});

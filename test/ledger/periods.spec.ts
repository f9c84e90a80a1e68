import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { ClosePeriod, type CloseRequest } from '@tollbox/ledger/application/close-period';
import { VerifyPeriods } from '@tollbox/ledger/application/verify-periods';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { PostgresPeriods } from '@tollbox/ledger/infrastructure/postgres-periods';
import { testDatabase, type TestDatabase } from '../support/stack';

describe('periods', () => {
  let database: TestDatabase;
  let pool: Pool;
  let owner: Pool;
  let store: PostgresPeriods;
  let journal: Journal;
  let closePeriod: ClosePeriod;
  const append = (...postings: Posting[]) => inTransaction(pool, (client) => journal.append(client, postings));
  const sold = (amount: bigint): Posting => ({
    subject: randomUUID(),
    event: 'executed',
    debit: 'authorized',
    credit: 'revenue:sandbox.exec',
    amount,
    wallet: '0xaa',
  });
  const settings = { waitMs: 10_000, pollMs: 5, settlingMs: 0, boundary: 'none' as const };
  /** The first moment after all that is recorded: times are kept by the millisecond, and an end is not part of its period. */
  const afterAll = async (): Promise<Date> => {
    for (;;) {
      const until = await store.now();
      const { rowCount } = await pool.query('SELECT 1 FROM journal WHERE recorded_at >= $1 LIMIT 1', [until]);
      if (rowCount === 0) return until;
    }
  };
  /** Closes all that is recorded, unless an end is given. */
  const close = async (request: Partial<CloseRequest> = {}) =>
    closePeriod.run({ until: await afterAll(), requestedBy: 'key-1', ...request });
  const second = { reason: 'gas of the last day came late', approvedBy: 'key-2' };
  const problems = async () =>
    (await new VerifyPeriods(store).run()).periods.map(({ close: { number, version }, problems }) => [
      `${number}.${version}`,
      problems,
    ]);
  /** As somebody who has the owner's login and means harm. */
  const tamper = async (sql: string) => {
    await owner.query('ALTER TABLE journal DISABLE TRIGGER USER');
    await owner.query('ALTER TABLE ledger_periods DISABLE TRIGGER USER');
    await owner.query('ALTER TABLE ledger_period_totals DISABLE TRIGGER USER');
    await owner.query(sql);
  };

  beforeEach(async () => {
    database = await testDatabase();
    pool = new Pool({ connectionString: database.applicationUrl, max: 4 });
    owner = new Pool({ connectionString: database.url, max: 1 });
    store = new PostgresPeriods(pool, new AuditLog(pool));
    journal = new Journal('eip155:84532');
    closePeriod = new ClosePeriod(store, settings);
  });
  afterEach(async () => {
    await Promise.all([pool.end(), owner.end()]);
    await database.drop();
  });

  it('close one after another, with totals and a chain of hashes', async () => {
    await append(sold(5n), sold(7n));
    const first = await close();
    await append(sold(30n));
    const then = await close();
    expect(first).toMatchObject({ seq: 1, number: 1, version: 1, entries: 2n, previousSha256: '', fromAt: new Date(0) });
    expect(first.totals).toEqual([
      { account: 'authorized', debits: 12n, credits: 0n },
      { account: 'revenue:sandbox.exec', debits: 0n, credits: 12n },
    ]);
    expect(then).toMatchObject({ seq: 2, number: 2, entries: 1n, fromAt: first.untilAt, previousSha256: first.sha256 });
    expect(await store.closes()).toEqual([first, then]);
    expect(await new VerifyPeriods(store).run()).toMatchObject({ holds: true });
    const { rows } = await pool.query(`SELECT actor, subject FROM audit_log WHERE action = 'ledger.close' ORDER BY id`);
    expect(rows).toEqual(['1', '2'].map((subject) => ({ actor: 'key-1', subject })));
  });

  it('take no entry once they are closed: a transaction from before is refused, and one that has written is waited for', async () => {
    await append(sold(1n));
    const until = await store.now();
    const [early, writing] = [await pool.connect(), await pool.connect()];
    try {
      await early.query('BEGIN');
      await writing.query('BEGIN');
      await journal.append(writing, [sold(2n)]);
      const closing = close();
      while ((await owner.query('SELECT 1 FROM ledger_barriers')).rowCount === 0);
      await expect(journal.append(early, [sold(4n)])).rejects.toMatchObject({ code: '40001' });
      await append(sold(8n)); // what begins now is of the next period
      await writing.query('COMMIT');
      expect((await closing).totals[0]).toEqual({ account: 'authorized', debits: 3n, credits: 0n });
    } finally {
      await early.query('ROLLBACK');
      early.release();
      writing.release();
    }
    await expect(close({ until })).rejects.toMatchObject({ code: 'conflict' });
    await expect(close({ until: new Date(Date.now() + 60_000) })).rejects.toMatchObject({
      code: 'period_not_over',
    });
    expect(await problems()).toEqual([['1.1', []]]);
  });

  it('are not closed while a transaction that may belong to them does not end', async () => {
    await append(sold(1n));
    await inTransaction(pool, async (writing) => {
      await journal.append(writing, [sold(2n)]);
      const impatient = new ClosePeriod(store, { ...settings, waitMs: 10 });
      await expect(impatient.run({ until: await store.now(), requestedBy: 'key-1' })).rejects.toMatchObject({ code: 'conflict' });
    });
    expect(await store.closes()).toEqual([]);
  });

  it('are closed again only as the newest, for a reason and with a second key', async () => {
    await append(sold(1n));
    const first = await close();
    await append(sold(2n));
    for (const [supersede, code] of [
      [{ ...second, approvedBy: 'key-1' }, 'second_key_required'],
      [{ ...second, reason: ' ' }, 'conflict'],
    ] as const)
      await expect(close({ supersede })).rejects.toMatchObject({ code });
    await expect(close({ supersede: second, until: new Date(first.untilAt.getTime() - 1) })).rejects.toMatchObject({
      code: 'conflict',
    });
    const again = await close({ supersede: second });
    expect(again).toMatchObject({ ...second, seq: 2, number: 1, version: 2, entries: 2n, previousSha256: first.sha256 });
    await append(sold(4n));
    expect(await close()).toMatchObject({
      number: 2,
      version: 1,
      entries: 1n,
      fromAt: again.untilAt,
    });
    expect(await problems()).toEqual([
      ['1.1', []],
      ['1.2', []],
      ['2.1', []],
    ]);
    const older =
      pool.query(`INSERT INTO ledger_periods SELECT 4, 1, 3, from_at, until_at, entries, content_sha256, totals_sha256,
      (SELECT sha256 FROM ledger_periods WHERE seq = 3), 'x', 'x', 'a', 'b' FROM ledger_periods WHERE seq = 2`);
    await expect(older).rejects.toMatchObject({ code: '23514' });
  });

  it('are closed once by two who close at the same time', async () => {
    await append(sold(1n));
    const until = await afterAll();
    const results = await Promise.allSettled([1, 2, 3].map(() => close({ until })));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await problems()).toEqual([['1.1', []]]);
  });

  it.each([
    ['an entry is missing', 'DELETE FROM journal WHERE amount = 7', ['1.1'], /had 2 entries, the journal has 1/],
    ['an entry was changed', `UPDATE journal SET wallet = '0xbb' WHERE amount = 7`, ['1.1'], /hash of its entries/],
    [
      'an entry was put in',
      `INSERT INTO journal (debit_account, credit_account, amount, subject, event, round, leg, event_at, recorded_at)
      SELECT debit_account, credit_account, 1, gen_random_uuid(), event, round, leg, event_at, recorded_at FROM journal WHERE amount = 7`,
      ['1.1'],
      /had 2 entries, the journal has 3/,
    ],
    ['a total was edited', 'UPDATE ledger_period_totals SET debits = 13 WHERE debits = 12', ['1.1'], /totals were changed/],
    [
      'a total and its hash were edited',
      `UPDATE ledger_periods SET totals_sha256 = repeat('0', 64) WHERE seq = 1`,
      ['1.1'],
      /hash is not that of what it says/,
    ],
    ['the chain is broken', `UPDATE ledger_periods SET sha256 = repeat('0', 64) WHERE seq = 1`, ['1.1', '2.1'], /hash/],
    [
      'a close is missing',
      'DELETE FROM ledger_period_totals WHERE seq = 1; DELETE FROM ledger_periods WHERE seq = 1',
      ['2.1'],
      /close before this one is missing/,
    ],
    [
      'a close was dated',
      `UPDATE ledger_periods SET requested_by = 'key-9' WHERE seq = 2`,
      ['2.1'],
      /hash is not that of what it says/,
    ],
  ])('do not hold when %s', async (_, sql, red, problem) => {
    await append(sold(5n), sold(7n));
    await close();
    await append(sold(30n));
    await close();
    await tamper(sql);
    const verdict = await new VerifyPeriods(store).run();
    const broken = verdict.periods.filter(({ problems }) => problems.length > 0);
    expect(verdict.holds).toBe(false);
    expect(broken.map(({ close: { number, version } }) => `${number}.${version}`)).toEqual(red);
    expect(broken.flatMap(({ problems }) => problems).join('\n')).toMatch(problem);
  });
});

import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { testDatabase, type TestDatabase } from '../support/stack';

describe('the journal', () => {
  let database: TestDatabase;
  let pool: Pool;
  const journal = new Journal('eip155:84532');
  const append = (...postings: Posting[]) => inTransaction(pool, (client) => journal.append(client, postings));
  const posting = (changes: Partial<Posting> = {}): Posting => ({
    subject: randomUUID(),
    event: 'executed',
    debit: 'authorized',
    credit: 'revenue:sandbox.exec',
    amount: 1_000n,
    ...changes,
  });

  beforeAll(async () => {
    database = await testDatabase();
    pool = new Pool({ connectionString: database.url, max: 8 });
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  it('keeps what it was given', async () => {
    const given = posting({ round: 2, leg: 3, operationId: randomUUID(), wallet: '0xabc', amount: 10n ** 30n });
    await append(given);
    const { rows } = await pool.query(
      `SELECT d.code AS debit, c.code AS credit, amount, event, round, leg, operation_id, wallet FROM journal
         JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account WHERE subject = $1`,
      [given.subject],
    );
    expect(rows).toEqual([
      {
        debit: 'authorized',
        credit: 'revenue:sandbox.exec',
        amount: (10n ** 30n).toString(),
        event: 'executed',
        round: 2,
        leg: 3,
        operation_id: given.operationId,
        wallet: '0xabc',
      },
    ]);
  });

  it('books the same event of the same thing once, and all of a statement or nothing', async () => {
    const first = posting();
    const other = posting();
    await append(first);
    await expect(append(other, first)).rejects.toMatchObject({ code: '23505' });
    const { rows } = await pool.query('SELECT 1 FROM journal WHERE subject = $1', [other.subject]);
    expect(rows).toEqual([]);
  });

  it('makes an account that many use for the first time at once, and forgets one that was rolled back', async () => {
    const credit = 'revenue:test.new' as const;
    await expect(
      inTransaction(pool, async (client) => {
        await journal.append(client, [posting({ credit })]);
        await journal.append(client, [posting({ credit })]);
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    await Promise.all(Array.from({ length: 8 }, () => append(posting({ credit }))));
    const { rows } = await pool.query(
      `SELECT count(*)::int AS entries FROM journal JOIN ledger_accounts a ON a.id = credit_account WHERE a.code = $1`,
      [credit],
    );
    expect(rows).toEqual([{ entries: 8 }]);
  });

  it.each<[string, Partial<Posting>]>([
    ['nothing', { amount: 0n }],
    ['less than nothing', { amount: -1n }],
    ['to itself', { credit: 'authorized' }],
    ['USDC for ETH', { credit: 'gas_wallet' }],
    ['from the future', { eventAt: new Date(Date.now() + 3 * 86_400_000) }],
  ])('refuses an entry that moves %s', async (_, changes) => {
    await expect(append(posting(changes))).rejects.toMatchObject({ code: '23514' });
  });

  it('refuses an unknown account, a date of its own choice, and every change', async () => {
    const row = (debit: string, recordedAt: string) =>
      pool.query(
        `INSERT INTO journal (debit_account, credit_account, amount, subject, event, round, leg, recorded_at)
         SELECT ${debit}, id, 1, gen_random_uuid(), 'x', 1, 1, ${recordedAt} FROM ledger_accounts WHERE code = 'authorized'`,
      );
    await append(posting());
    await expect(row('999999', 'now()')).rejects.toMatchObject({ code: '23514' });
    await expect(
      row(`(SELECT id FROM ledger_accounts WHERE code = 'revenue:sandbox.exec')`, `now() - interval '1 h'`),
    ).rejects.toMatchObject({
      code: '23514',
    });
    for (const change of ['UPDATE journal SET amount = 2', 'DELETE FROM journal', 'TRUNCATE journal'])
      await expect(pool.query(change)).rejects.toThrow('append-only');
    await expect(pool.query(`UPDATE ledger_accounts SET asset = 'ETH'`)).rejects.toThrow('append-only');
  });
});

import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { BookProviderCosts } from '@tollbox/finance/application/book-provider-costs';
import { PostgresUsageBook } from '@tollbox/finance/infrastructure/postgres-usage-book';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { testDatabase, type TestDatabase } from '../support/stack';

describe('the cost of sandboxes', () => {
  let database: TestDatabase;
  let pool: Pool;
  let book: BookProviderCosts;
  const unpriced: number[] = [];
  const notStopping = new AbortController().signal;
  const owner = `0x${'Ab'.repeat(20)}`;

  /** A sandbox of one core and a GiB that ran for 300 s; returns the operation that made it. */
  async function ended(provider: string, gpu: string | null = null, end: 'terminated' | 'lost' = 'terminated'): Promise<string> {
    const id = randomUUID();
    const operationId = randomUUID();
    await pool.query(
      `INSERT INTO sandboxes (id, owner, state, operation_id, provider, isolation, network_policy, image, cpu_millis, memory_mib, gpu, lifetime_ms, deadline_at)
       VALUES ($1, $2, 'requested', $3, $4, 'x', 'none', 'x', 1000, 1024, $5, 300000, now())`,
      [id, owner, operationId, provider, gpu],
    );
    const to = (state: string, more = '') => pool.query(`UPDATE sandboxes SET state = $2 ${more} WHERE id = $1`, [id, state]);
    await to('provisioning');
    await to('running', `, started_at = now() - interval '300 s'`);
    if (end === 'terminated') await to('terminating');
    await to(end, `, ended_at = (SELECT started_at + interval '300 s')`);
    return operationId;
  }
  const booked = async (operationId: string) => {
    const { rows } = await pool.query(
      `SELECT d.code AS debit, c.code AS credit, amount, wallet, operation_id = subject AS same, event_at = u.ended_at AS dated
       FROM journal j JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account
         JOIN provider_usage u USING (operation_id) WHERE j.subject = $1`,
      [operationId],
    );
    return rows as Record<string, unknown>[];
  };
  const cost = (amount: string) => [
    { debit: 'provider_cost', credit: 'provider_payable', amount, wallet: owner.toLowerCase(), same: true, dated: true },
  ];

  beforeAll(async () => {
    database = await testDatabase();
    pool = new Pool({ connectionString: database.applicationUrl, max: 4 });
    book = new BookProviderCosts(new PostgresUsageBook(pool, new Journal('eip155:84532')), 2, (count) => unpriced.push(count));
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  it('is booked once for each that ended, however many workers book', async () => {
    const modal = await ended('modal');
    const lost = await ended('modal', 'H100', 'lost');
    const own = await ended('container');
    for (let round = 0; round < 2; round++) await Promise.all([1, 2, 3].map(() => book.run(notStopping)));
    await book.run(notStopping);
    expect(await booked(modal)).toEqual(cost('13842000000'));
    expect(await booked(lost)).toEqual(cost((13_842_000_000n + 300n * 1_097_000_000n).toString()));
    expect(await booked(own)).toEqual([]);
    const { rows } = await pool.query('SELECT 1 FROM provider_usage WHERE booked_at IS NULL');
    expect(rows).toEqual([]);
    expect(unpriced).toEqual([]);
  });

  it('waits for a rate that is missing, and others do not wait for it', async () => {
    const strange = await ended('elsewhere');
    await book.run(notStopping);
    const modal = await ended('modal');
    await book.run(notStopping);
    expect(unpriced.length).toBeGreaterThan(0);
    expect(await booked(strange)).toEqual([]);
    expect(await booked(modal)).toEqual(cost('13842000000'));
    await pool.query(
      `INSERT INTO provider_rates (provider, resource, version, usd_e12_per_second, effective_from, created_by)
       VALUES ('elsewhere', 'cpu', 1, 2, '2020-01-01Z', 'spec'), ('elsewhere', 'memory', 1, 1, '2020-01-01Z', 'spec')`,
    );
    await book.run(notStopping);
    expect(await booked(strange)).toEqual(cost('900'));
  });

  it('goes by rates that nobody edits', async () => {
    for (const table of ['rates', 'provider_rates'])
      await expect(pool.query(`UPDATE ${table} SET version = 9`)).rejects.toMatchObject({ code: '42501' });
    const { rows } = await pool.query(`SELECT base, numerator, denominator FROM rates WHERE quote = 'USD' ORDER BY base`);
    expect(rows).toEqual([
      { base: 'ETH', numerator: '3000', denominator: '1000000' },
      { base: 'USDC', numerator: '1000000', denominator: '1' },
    ]);
  });
});

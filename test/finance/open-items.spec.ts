import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { FinanceModule } from '@tollbox/finance/finance.module';
import { trialBalanceAnswer } from '@tollbox/finance/http/ledger-schemas';
import { creditsAnswer, debtsAnswer, type CreditsAnswer, type DebtsAnswer } from '@tollbox/finance/http/open-item-schemas';
import { broadcast, failed, gas } from '@tollbox/ledger/domain/postings/payment';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { startTestApp, type TestApp } from '../platform/support/test-app';
import { BOB, Books, NETWORK, type PaymentSeed } from './books';

describe('what is open in the books', () => {
  let test: TestApp;
  let pool: Pool;
  let books: Books;
  let token: string;

  beforeEach(async () => {
    test = await startTestApp({ imports: [FinanceModule] }, { DEBT_WRITE_OFF_MAX_ATOMIC: '5000' });
    pool = test.app.get<Pool>(PG_POOL);
    books = new Books(pool);
    ({ token } = await test.key('finance'));
  });
  afterEach(() => test.close());

  const get = async (url: string) =>
    (await test.app.inject({ url, headers: { authorization: `Bearer ${token}` } })).json<unknown>();
  const debts = async (query = ''): Promise<DebtsAnswer> => debtsAnswer.parse(await get(`/finance/debts${query}`));
  const credits = async (query = ''): Promise<CreditsAnswer> => creditsAnswer.parse(await get(`/finance/credits${query}`));
  const balances = async (): Promise<Record<string, string>> => {
    const { accounts } = trialBalanceAnswer.parse(await get('/finance/trial-balance'));
    return Object.fromEntries(accounts.map(({ code, balance }) => [code, balance]));
  };
  async function debtor(seed: PaymentSeed = {}) {
    const payment = await books.queued({ settlementMode: 'optimistic', ...seed }, (money) => failed(money, 'authorized'));
    await books.bringTo(payment, 'failed');
    return payment;
  }
  const writeOff = (id: string, headers: Record<string, string> = {}, body: unknown = { reason: 'wallet is empty' }) =>
    test.app.inject({
      method: 'POST',
      url: `/finance/debts/${id}/write-off`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      payload: JSON.stringify(body),
    });

  it('is balanced at every time', async () => {
    const before = new Date();
    await books.queued({ amountAtomic: 1_200n }, broadcast, (payment) => gas(payment, 1, 7n));
    const now = trialBalanceAnswer.parse(await get('/finance/trial-balance'));
    expect([...now.totals].sort((a, b) => (a.asset < b.asset ? -1 : 1))).toEqual([
      { asset: 'ETH', network: NETWORK, debits: '7', credits: '7', balanced: true },
      { asset: 'USDC', network: NETWORK, debits: '2400', credits: '2400', balanced: true },
    ]);
    expect(await balances()).toMatchObject({
      in_flight: '1200',
      credits: '200',
      'revenue:sandbox.exec': '1000',
      gas_wallet: '-7',
    });
    const earlier = trialBalanceAnswer.parse(
      await get(`/finance/trial-balance?at=${new Date(before.getTime() - 1_000).toISOString()}`),
    );
    expect(earlier.accounts.filter(({ balance }) => balance !== '0')).toEqual([]);
    expect(await get('/finance/accounts')).toMatchObject({
      at: null,
      basis: 'recorded',
      accounts: { length: now.accounts.length },
    });
  });

  it('lists debts oldest first, page by page, also when more arrive', async () => {
    const ids = [];
    for (let n = 0; n < 5; n++) ids.push((await debtor(n === 2 ? { wallet: BOB } : {})).id);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: DebtsAnswer = await debts(`?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.debts.map(({ payment_id }) => payment_id));
      cursor = page.next_cursor;
      if (seen.length === 2) ids.push((await debtor()).id);
    }
    expect(seen).toEqual(ids);
    expect(await debts(`?wallet=${BOB}`)).toMatchObject({
      debts: [{ payment_id: ids[2], open_atomic: '1000', wallet: BOB }],
      totals: { count: '1', amount_atomic: '1000' },
    });
  });

  it('gives a debt up once, with its reason, in payment, journal and audit log', async () => {
    const { id } = await debtor();
    const answers = await Promise.all([writeOff(id), writeOff(id)]);
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, 409]);
    expect(answers.find(({ statusCode }) => statusCode === 200)!.json()).toEqual({
      payment_id: id,
      amount_atomic: '1000',
      approved_by: null,
    });
    expect(await balances()).toMatchObject({ bad_debt: '1000', customer_debt: '0' });
    expect((await debts()).totals).toEqual({ count: '0', amount_atomic: '0' });
    const { rows } = await pool.query(
      `SELECT p.debt_cleared_at IS NOT NULL AS cleared, e.detail->>'reason' AS reason, (SELECT count(*)::int FROM audit_log WHERE action = 'debt.write_off') AS audits
       FROM payments p JOIN payment_events e ON e.payment_id = p.id AND e.kind = 'debt_written_off' WHERE p.id = $1`,
      [id],
    );
    expect(rows).toEqual([{ cleared: true, reason: 'wallet is empty', audits: 1 }]);
  });

  it('gives a large debt up only with the key of a second person', async () => {
    const { id } = await debtor({ priceAtomic: 5_001n });
    const refusal = (await writeOff(id)).json<{ code: string; suggestion: string }>();
    expect(refusal).toMatchObject({ code: 'second_key_required', suggestion: expect.stringContaining('X-Approval-Key') });
    for (const key of [token, 'nonsense', (await test.key('auditor')).token])
      expect((await writeOff(id, { 'x-approval-key': key })).statusCode).toBe(403);
    expect(await balances()).toMatchObject({ customer_debt: '5001' });
    const second = await test.key('finance');
    const done = await writeOff(id, { 'x-approval-key': second.token });
    expect([done.statusCode, done.json<{ approved_by: string }>().approved_by]).toEqual([200, second.id]);
    expect(await balances()).toMatchObject({ customer_debt: '0', bad_debt: '5001' });
  });

  it.each([
    [randomUUID(), { reason: 'why not' }, 404],
    ['nonsense', { reason: 'why not' }, 404],
    [randomUUID(), {}, 400],
    [randomUUID(), { reason: ' ' }, 400],
  ])('gives nothing up for %s with %j', async (id, body, status) => {
    expect((await writeOff(id, {}, body)).statusCode).toBe(status);
  });

  it('tells what is prepaid and not used', async () => {
    await books.queued({ amountAtomic: 1_500n });
    await books.queued({ amountAtomic: 1_700n, wallet: BOB });
    const first = await credits('?limit=1');
    expect(first).toMatchObject({ wallets: [{ balance_atomic: '500' }], totals: { count: '2', amount_atomic: '1200' } });
    expect(await credits(`?cursor=${first.next_cursor!}`)).toMatchObject({
      wallets: [{ wallet: BOB, balance_atomic: '700', held_atomic: '0', debt_atomic: '0' }],
      next_cursor: null,
    });
  });
});

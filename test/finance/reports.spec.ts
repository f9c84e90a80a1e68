import type { Pool } from 'pg';
import { FinanceModule } from '@tollbox/finance/finance.module';
import { ageingAnswer, type AgeingAnswer } from '@tollbox/finance/http/ageing-schemas';
import { entriesAnswer, type EntriesAnswer } from '@tollbox/finance/http/entry-schemas';
import { revenueAnswer, type RevenueAnswer } from '@tollbox/finance/http/revenue-schemas';
import { broadcast, debtWrittenOff, failed, settled } from '@tollbox/ledger/domain/postings/payment';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { startTestApp, type TestApp } from '../platform/support/test-app';
import { SoldModule } from '../support/finance/sold';
import { ALICE, BOB, Books, NETWORK } from './books';

const today = (): string => new Date().toISOString().slice(0, 10);

describe('what finance reads from the books', () => {
  let test: TestApp;
  let books: Books;
  let token: string;

  beforeEach(async () => {
    test = await startTestApp({ imports: [FinanceModule.forGateway(SoldModule)] });
    books = new Books(test.app.get<Pool>(PG_POOL));
    ({ token } = await test.key('finance'));
  });
  afterEach(() => test.close());

  const get = (url: string) => test.app.inject({ url, headers: { authorization: `Bearer ${token}` } });
  async function answerOf<T>(schema: { parse(value: unknown): T }, url: string, query: Record<string, string> = {}): Promise<T> {
    const answer = await get(`${url}?${new URLSearchParams(query).toString()}`);
    expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
    return schema.parse(answer.json());
  }
  const entries = (query: Record<string, string> = {}): Promise<EntriesAnswer> =>
    answerOf(entriesAnswer, '/finance/entries', query);
  const revenue = (query: Record<string, string> = {}): Promise<RevenueAnswer> =>
    answerOf(revenueAnswer, '/finance/revenue', query);

  describe('entries', () => {
    it('are found by account on either side, subject, event, wallet and asset', async () => {
      const alice = await books.queued({}, broadcast, (payment) => settled(payment, 'in_flight'));
      await books.queued({ wallet: BOB, operation: 'sandbox.create', priceAtomic: 10_000n });
      const events = async (query: Record<string, string>) => (await entries(query)).entries.map(({ event }) => event);
      expect(await events({})).toEqual(['executed', 'settled', 'broadcast', 'executed']);
      expect(await events({ subject: alice.id })).toEqual(['settled', 'broadcast', 'executed']);
      expect(await events({ account: 'in_flight' })).toEqual(['settled', 'broadcast']);
      expect(await events({ account: 'authorized', wallet: ALICE })).toEqual(['broadcast', 'executed']);
      expect(await events({ event: 'executed', account: 'revenue:sandbox.create' })).toEqual(['executed']);
      expect(await events({ asset: 'ETH' })).toEqual([]);
      expect(await events({ account: 'revenue:sandbox.status' })).toEqual([]);
      expect(await events({ from: new Date(Date.now() + 60_000).toISOString() })).toEqual([]);
      expect((await entries({ account: 'treasury' })).entries).toMatchObject([
        { debit_account: 'treasury', credit_account: 'in_flight', amount: '1000', asset: 'USDC', network: NETWORK, leg: 1 },
      ]);
    });

    it.each<[string, Record<string, string>]>([
      ['the journal', {}],
      ['an account', { account: 'authorized' }],
    ])('of %s are paged through once, whatever is booked meanwhile', async (_, query) => {
      for (let n = 0; n < 4; n++) await books.queued({}, broadcast);
      const before = (await entries({ ...query, limit: '200' })).entries.map(({ id }) => id);
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: EntriesAnswer = await entries({ ...query, limit: '3', ...(cursor === '' ? {} : { cursor }) });
        seen.push(...page.entries.map(({ id }) => id));
        cursor = page.next_cursor;
        await books.queued();
      }
      expect(seen).toEqual(before);
      expect(seen).toHaveLength(8);
    });
  });

  describe('revenue', () => {
    it('is what was earned less what was taken back, by what is asked for', async () => {
      await books.queued({ amountAtomic: 1_200n });
      await books.queued({ wallet: BOB });
      await books.queued({ wallet: BOB, operation: 'sandbox.create', priceAtomic: 10_000n }, (payment) =>
        failed(payment, 'authorized'),
      );
      expect((await revenue()).rows).toEqual([
        { day: today(), calls: '3', earned_atomic: '12000', reversed_atomic: '10000', revenue_atomic: '2000' },
      ]);
      const of = async (query: Record<string, string>) =>
        (await revenue(query)).rows.map((row) => [row.network, row.operation, row.wallet, row.revenue_atomic].filter(Boolean));
      expect(await of({ group_by: 'operation' })).toEqual([
        ['sandbox.create', '0'],
        ['sandbox.exec', '2000'],
      ]);
      expect(await of({ group_by: 'wallet,network' })).toEqual([
        [NETWORK, ALICE, '1000'],
        [NETWORK, BOB, '1000'],
      ]);
      expect(await of({ group_by: 'day', wallet: BOB, operation: 'sandbox.exec' })).toEqual([['1000']]);
      expect(await of({ from: '2026-01-01', to: '2026-02-01' })).toEqual([]);
      const { totals } = await revenue({ group_by: 'wallet', limit: '1' });
      expect(totals).toEqual({ calls: '3', earned_atomic: '12000', reversed_atomic: '10000', revenue_atomic: '2000' });
    });

    it('is paged through by its keys, and new wallets do not disturb', async () => {
      const wallets = Array.from({ length: 5 }, (_, index) => `0x${index}${'c'.repeat(39)}`);
      for (const wallet of wallets) await books.queued({ wallet });
      const seen: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const query = { group_by: 'wallet,operation', limit: '2', ...(cursor === '' ? {} : { cursor }) };
        const page: RevenueAnswer = await revenue(query);
        seen.push(...page.rows.map(({ wallet }) => wallet!));
        cursor = page.next_cursor;
        await books.queued({ wallet: `0x0${'b'.repeat(39)}` });
      }
      expect(seen).toEqual(wallets);
    });
  });

  it('tell the age of what has not arrived, until it has', async () => {
    const old = await books.queued({ claimedAt: new Date(Date.now() - 7_200_000), amountAtomic: 1_500n }, broadcast);
    await books.bringTo(old, 'broadcast', 'unknown');
    await books.queued();
    const optimistic = { settlementMode: 'optimistic' } as const;
    const debtor = await books.queued(optimistic, (payment) => failed(payment, 'authorized'));
    await books.bringTo(debtor, 'failed');
    const ageing = async () => {
      const { kinds } = await answerOf<AgeingAnswer>(ageingAnswer, '/finance/ageing');
      return kinds.map(({ kind, count, amount_atomic, buckets }) => [
        kind,
        count,
        amount_atomic,
        buckets.filter((bucket) => bucket.count !== '0').map(({ from_seconds }) => from_seconds),
      ]);
    };
    expect(await ageing()).toEqual([
      ['unsettled', '1', '1000', [0]],
      ['unknown', '1', '1500', [3_600]],
      ['debt', '1', '1000', [0]],
    ]);
    await books.bringTo(old, 'settled');
    await books.post(...debtWrittenOff(debtor));
    expect(await ageing()).toEqual([
      ['unsettled', '1', '1000', [0]],
      ['unknown', '0', '0', []],
      ['debt', '0', '0', []],
    ]);
  });
});

describe('finance reports', () => {
  let test: TestApp;
  let token: string;
  beforeAll(async () => {
    test = await startTestApp({ imports: [FinanceModule] });
    ({ token } = await test.key('auditor'));
  });
  afterAll(() => test.close());

  it.each([
    ['entries?account=', 'account'],
    ['entries?account=tresury', 'account', 'did you mean `treasury`'],
    ['entries?event=execute', 'event', 'did you mean `executed`'],
    ['revenue?operation=sandbox.dream', 'operation', 'one of '],
    ['entries?limit=100000', 'limit', 'from 1 to 200'],
    ['entries?cursor=AAAA', 'cursor'],
    ['entries?subject=me', 'subject'],
    ['entries?limit=201', 'limit'],
    ['entries?acount=treasury', ''],
    ['revenue?group_by=week', 'group_by'],
    ['revenue?group_by=day,day', 'group_by'],
    ['revenue?group_by=wallet&limit=201', 'limit'],
    ['revenue?from=2026-11-02&to=2026-11-02', 'to'],
    ['revenue?from=2024-11-02&to=2026-11-02', 'to'],
    ['revenue?from=2026-13-02', 'from'],
    ['revenue?limit=1001', 'limit'],
    [`revenue?group_by=day,wallet&cursor=${Buffer.from('["2026-11-02"]').toString('base64url')}`, 'cursor'],
    ['ageing?at=now', ''],
  ])('refuse %s and say which parameter', async (path, parameter, message = 'it must be') => {
    const answer = await test.app.inject({ url: `/finance/${path}`, headers: { authorization: `Bearer ${token}` } });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({
      code: 'invalid_query',
      suggestion: expect.stringContaining('details'),
      details: [
        parameter === ''
          ? { path: [], message: expect.stringContaining('no parameter of this route') }
          : { path: [parameter], message: expect.stringContaining(message) },
      ],
    });
  });
});

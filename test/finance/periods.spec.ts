import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';
import { FinanceModule } from '@tollbox/finance/finance.module';
import { periodAnswer, periodsAnswer, verdictAnswer } from '@tollbox/finance/http/period-schemas';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { startTestApp, type TestApp } from '../platform/support/test-app';
import { Books } from './books';

describe('periods over HTTP', () => {
  let test: TestApp;
  let books: Books;
  let first: { token: string; id: string };
  let second: { token: string; id: string };

  beforeAll(async () => {
    test = await startTestApp({ imports: [FinanceModule] }, { PERIOD_BOUNDARY: 'none', PERIOD_SETTLING_MS: '0' });
    books = new Books(test.app.get<Pool>(PG_POOL));
    first = await test.key('finance');
    second = await test.key('finance');
  });
  afterAll(() => test.close());

  const get = async (url: string) =>
    (
      await test.app.inject({ url: `/finance/periods${url}`, headers: { authorization: `Bearer ${first.token}` } })
    ).json<unknown>();
  const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
    test.app.inject({
      method: 'POST',
      url: `/finance/periods/${url}`,
      headers: { authorization: `Bearer ${first.token}`, 'content-type': 'application/json', ...headers },
      payload: JSON.stringify(body),
    });

  /** A moment behind everything that is booked. */
  const now = async () => {
    await delay(2);
    return { until: new Date().toISOString() };
  };

  it('are closed, closed again by two, listed newest first and verified', async () => {
    await books.queued();
    const closed = periodAnswer.parse((await post('close', await now())).json());
    expect(closed.period).toMatchObject({ number: 1, version: 1, entries: '1', previous_sha256: '', requested_by: first.id });
    await books.queued();
    const late = { ...(await now()), reason: 'an entry came late' };
    const refused = await post('supersede', late);
    expect([refused.statusCode, refused.json<{ code: string }>().code]).toEqual([403, 'second_key_required']);
    const auditor = await test.key('auditor');
    for (const [key, why] of [
      [first.token, /nobody approves his own/],
      ['nonsense', /unknown, expired or revoked/],
      [auditor.token, /has the role auditor/],
    ] as const) {
      const answer = await post('supersede', late, { 'x-approval-key': key });
      const { code, message, suggestion } = answer.json<Record<string, string>>();
      expect([answer.statusCode, code, message]).toEqual([403, 'second_key_required', expect.stringMatching(why)]);
      expect(suggestion).toContain('X-Approval-Key');
    }
    expect((await post('supersede', await now(), { 'x-approval-key': second.token })).statusCode).toBe(400);
    const again = await post('supersede', late, { 'x-approval-key': second.token });
    expect(periodAnswer.parse(again.json()).period).toMatchObject({
      number: 1,
      version: 2,
      entries: '2',
      approved_by: second.id,
    });
    await post('close', await now());

    const page = periodsAnswer.parse(await get('?limit=2'));
    expect(page.periods.map(({ seq }) => seq)).toEqual([3, 2]);
    const rest = periodsAnswer.parse(await get(`?limit=2&cursor=${page.next_cursor!}`));
    expect([rest.periods.map(({ seq }) => seq), rest.next_cursor]).toEqual([[1], null]);
    const verdict = verdictAnswer.parse(await get('/verify'));
    expect([verdict.holds, verdict.periods.length]).toEqual([true, 3]);
  });

  it.each([
    ['{}', {}],
    ['a day', { until: '2026-11-01' }],
    ['no body', undefined],
  ])('are not closed by %s: the end is asked for', async (_, body) => {
    const answer = await post('close', body);
    expect([answer.statusCode, answer.json()]).toMatchObject([
      400,
      { code: 'invalid_body', details: [{ path: ['until'], message: expect.stringContaining('2026-12-01T00:00:00Z') }] },
    ]);
    expect((await post('supersede', { reason: 'without an end' }, { 'x-approval-key': second.token })).statusCode).toBe(400);
  });

  it('that are not over are not closed', async () => {
    const answer = await post('close', { until: new Date(Date.now() + 3_600_000).toISOString() });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([409, 'period_not_over']);
  });
});

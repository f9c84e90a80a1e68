import type { Pool } from 'pg';
import type { Chain } from '@tollbox/devstack/chain';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import type { ItemRecord } from '@tollbox/reconciliation/application/ports/reconciliation-queries';
import { itemAnswer, itemsAnswer, runAnswer, runsAnswer } from '@tollbox/reconciliation/http/reconciliation-schemas';
import { ReconciliationModule, reconcileOf } from '@tollbox/reconciliation/reconciliation.module';
import { loadConfig } from '@tollbox/platform/config/config';
import { startTestApp, type TestApp } from '../platform/support/test-app';
import { bookingsOf } from '../support/reconciliation/clean-books';
import { newHolder } from '../support/reconciliation/reconciler';
import { PAY_TO, SeededPayments } from '../support/reconciliation/seeded-payments';
import { testChain } from '../support/stack';

describe('the reconciliation API', () => {
  let chain: Chain;
  let test: TestApp;
  let pool: Pool;
  let seed: SeededPayments;
  let finance: string;

  beforeAll(async () => {
    [chain, test] = await Promise.all([testChain(), startTestApp({ imports: [ReconciliationModule.forGateway()] })]);
    pool = test.app.get<Pool>(PG_POOL);
    seed = new SeededPayments(pool, chain);
    await chain.mint(seed.payer.address, 1_000_000n);
    finance = (await test.key('finance')).token;
  });
  afterAll(async () => {
    await test.close();
    await chain.stop();
  });

  const ask = async (method: 'GET' | 'POST', path: string, token: string, payload?: object) => {
    const headers = { authorization: `Bearer ${token}` };
    const url = `/finance/reconciliation/${path}`;
    const answer = await test.app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
    return { status: answer.statusCode, body: JSON.parse(answer.body) as Record<string, unknown> };
  };
  const reconcile = () => {
    const config = loadConfig({
      DATABASE_URL: test.database.applicationUrl,
      RPC_URL: chain.rpcUrl,
      PAY_TO,
      RECONCILIATION_GRACE_MS: '0',
      RECONCILIATION_DUST_ATOMIC: '0',
    });
    return reconcileOf(config, pool, null).run(newHolder());
  };
  const items = async (query = ''): Promise<readonly ItemRecord[]> => {
    const { body } = await ask('GET', `items${query}`, finance);
    expect(itemsAnswer.parse(body)).toEqual(body);
    return body['items'] as ItemRecord[];
  };

  it('takes requests for runs from finance only, one at a time, and the next run serves them', async () => {
    const auditor = (await test.key('auditor')).token;
    expect((await ask('POST', 'runs', auditor)).status).toBe(403);
    const first = await ask('POST', 'runs', finance);
    expect(first.status).toBe(202);
    expect(runAnswer.parse(first.body)).toMatchObject({ state: 'requested', origin: 'demand', requested_by: 'spec finance' });
    expect((await ask('POST', 'runs', finance)).body['id']).toBe(first.body['id']);
    await reconcile();
    const { body } = await ask('GET', `runs/${String(first.body['id'])}`, auditor);
    expect(runAnswer.parse(body)).toMatchObject({ state: 'done', counts: { open: 0 } });
    await reconcile();
    const page = await ask('GET', 'runs?limit=1', auditor);
    expect(runsAnswer.parse(page.body).runs).toHaveLength(1);
    const next = await ask('GET', `runs?limit=1&cursor=${String(page.body['next_cursor'])}`, auditor);
    expect(runsAnswer.parse(next.body)).toMatchObject({ runs: [{ id: first.body['id'] }], next_cursor: null });
    expect((await ask('GET', 'runs/999999', auditor)).status).toBe(404);
  });

  it('pages through items whatever arrives meanwhile, and filters them', async () => {
    for (const amount of [1n, 2n, 3n]) await seed.transfer(seed.payer.address, PAY_TO, amount);
    await seed.transfer(PAY_TO, seed.payer.address, 1n);
    await reconcile();
    const first = await ask('GET', 'items?class=unmatched_receipt&limit=2', finance);
    await seed.transfer(seed.payer.address, PAY_TO, 4n);
    await reconcile();
    const rest = await ask('GET', `items?class=unmatched_receipt&limit=2&cursor=${String(first.body['next_cursor'])}`, finance);
    const ids = [...itemsAnswer.parse(first.body).items, ...itemsAnswer.parse(rest.body).items].map(({ actual }) => actual);
    expect(ids.sort()).toEqual(['1', '2', '3']);
    expect(await items('?class=owner_move&state=open')).toMatchObject([{ actual: '1' }]);
    expect((await ask('GET', 'items?cursor=x', finance)).status).toBe(400);
    expect((await ask('GET', 'items?sort=x', finance)).status).toBe(400);
  });

  it('books what finance decides, once, and keeps who and why', async () => {
    const item = (await items('?class=unmatched_receipt')).find(({ actual }) => actual === '3');
    if (item === undefined) throw new Error('no item');
    const decide = (resolution: string) =>
      ask('POST', `items/${item.id}/resolve`, finance, { resolution, reason: 'a top-up of ours' });
    expect((await decide('known')).status).toBe(400);
    const decided = await decide('owner_money');
    expect(decided.status).toBe(200);
    expect(itemAnswer.parse(decided.body)).toMatchObject({
      state: 'resolved',
      resolution: 'owner_money',
      events: [
        { to_state: 'open', actor: 'reconciliation', reason: 'found' },
        { from_state: 'open', to_state: 'resolved', actor: 'spec finance', reason: 'a top-up of ours' },
      ],
    });
    expect((await decide('owner_money')).status).toBe(409);
    expect(await bookingsOf(pool, item.subject)).toEqual([
      'unmatched 1: treasury <- unmatched_receipts 3',
      'decided 1: unmatched_receipts <- owner 3',
    ]);
    await reconcile();
    expect((await items(`?subject=${item.subject}`))[0]).toMatchObject({ state: 'resolved' });
    const { rows } = await pool.query(`SELECT subject FROM audit_log WHERE action = 'reconciliation.item_resolved'`);
    expect(rows).toEqual([{ subject: item.id }]);
    expect((await ask('POST', 'items/999999/resolve', finance, { resolution: 'known', reason: 'none' })).status).toBe(404);
  });
});

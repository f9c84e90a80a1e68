import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { FoldDays } from '@tollbox/finance/application/fold-days';
import { FinanceModule } from '@tollbox/finance/finance.module';
import { operationMarginAnswer, sandboxMarginAnswer, type SandboxMarginAnswer } from '@tollbox/finance/http/margin-schemas';
import { revenueAnswer } from '@tollbox/finance/http/revenue-schemas';
import { PostgresDaySums } from '@tollbox/finance/infrastructure/postgres-day-sums';
import type { PaymentMoney } from '@tollbox/ledger/domain/postings/payment';
import { facilitatorFee, failed, gas } from '@tollbox/ledger/domain/postings/payment';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { startTestApp, type TestApp } from '../platform/support/test-app';
import { foldJournal } from '../support/ledger/fold-journal';
import { ALICE, BOB, Books } from './books';

describe('margins and daily sums', () => {
  let test: TestApp;
  let pool: Pool;
  let books: Books;
  let token: string;

  beforeEach(async () => {
    test = await startTestApp({ imports: [FinanceModule] });
    pool = test.app.get<Pool>(PG_POOL);
    books = new Books(pool);
    ({ token } = await test.key('finance'));
  });
  afterEach(() => test.close());

  const call = async (url: string) =>
    (await test.app.inject({ url: `/finance/${url}`, headers: { authorization: `Bearer ${token}` } })).json<unknown>();
  const byOperation = async () => operationMarginAnswer.parse(await call('margin/operations')).operations;
  async function fold(maxEntries = 1): Promise<void> {
    await foldJournal(pool, 100);
    await new FoldDays(new PostgresDaySums(pool), maxEntries).run(new AbortController().signal);
  }
  const foldedId = async () => (await pool.query<{ id: string }>('SELECT folded_id AS id FROM finance_fold')).rows[0]!.id;

  /** A sandbox, its owner, and the operations that the payments bought. */
  async function sandboxOf(id: string, ...payments: PaymentMoney[]): Promise<void> {
    await pool.query(
      `INSERT INTO sandboxes (id, owner, state, operation_id, provider, isolation, network_policy, image, cpu_millis, memory_mib, lifetime_ms, deadline_at)
       VALUES ($1, $2, 'running', $3, 'container', 'gvisor', 'none', 'python:3.11', 1000, 512, 1, now())`,
      [id, ALICE, payments[0]?.operationId ?? randomUUID()],
    );
    for (const { operation, operationId } of payments)
      await pool.query("INSERT INTO operations (id, name, sandbox_id, state) VALUES ($1, $2, $3, 'started')", [
        operationId,
        operation,
        id,
      ]);
  }

  it('are revenue less gas, fees and provider cost, in USD by the rate of the day', async () => {
    const exec = await books.queued(
      {},
      (payment) => gas(payment, 1, 10n ** 12n),
      (payment) => facilitatorFee(payment, 100n),
    );
    const create = await books.queued({ operation: 'sandbox.create', priceAtomic: 10_000n });
    await sandboxOf('sb-one', create, exec);
    await sandboxOf('sb-two');
    const cost = { subject: create.operationId, operationId: create.operationId, event: 'provider_cost' as const, amount: 5n };
    await books.post({ ...cost, debit: 'provider_cost', credit: 'provider_payable' });

    expect(await byOperation()).toMatchObject([
      { operation: 'sandbox.create', provider_cost_pico_usd: '5', margin_pico_usd: '9999999995' },
      { operation: 'sandbox.exec', revenue_atomic: '1000', gas_wei: '1000000000000', fees_atomic: '100' },
    ]);
    // 10^-6 ETH at 3,000 USD is 0.003 USD; with 0.0001 USD of fees.
    const costOfExec = (3_000_000_000n + 100_000_000n).toString();
    const expected = { cost_pico_usd: costOfExec, margin_pico_usd: (1_000_000_000n - BigInt(costOfExec)).toString() };
    expect((await byOperation())[1]).toMatchObject(expected);
    await fold();
    await pool.query(
      "INSERT INTO rates (base, quote, version, numerator, denominator, effective_from, created_by) VALUES ('ETH', 'USD', 2, 1, 1, '2100-01-01Z', 'spec')",
    );
    expect(BigInt(await foldedId())).toBeGreaterThan(0n);
    expect((await byOperation())[1]).toMatchObject(expected);

    const first = sandboxMarginAnswer.parse(await call('margin/sandboxes?limit=1'));
    expect(first.sandboxes).toMatchObject([{ sandbox_id: 'sb-two', calls: '0', margin_pico_usd: '0' }]);
    const second: SandboxMarginAnswer = sandboxMarginAnswer.parse(
      await call(`margin/sandboxes?limit=1&cursor=${first.next_cursor!}`),
    );
    expect(second).toMatchObject({
      sandboxes: [
        {
          sandbox_id: 'sb-one',
          owner: ALICE,
          calls: '2',
          revenue_atomic: '11000',
          provider_cost_pico_usd: '5',
          cost_pico_usd: (BigInt(costOfExec) + 5n).toString(),
        },
      ],
      next_cursor: null,
    });
  });

  it('say the same of revenue before, amid and after the folding', async () => {
    for (let n = 0; n < 3; n++)
      await books.queued({ wallet: n === 0 ? BOB : ALICE, operation: n === 2 ? 'sandbox.create' : 'sandbox.exec' });
    await books.queued({ wallet: BOB }, (payment) => failed(payment, 'authorized'));
    const reports = async () => {
      const found = [];
      for (const query of [
        '',
        '?group_by=day,operation,network,wallet',
        `?wallet=${BOB}`,
        '?group_by=wallet&operation=sandbox.exec',
        '?group_by=operation',
      ])
        found.push(revenueAnswer.parse(await call(`revenue${query}`)));
      return found;
    };
    const before = await reports();
    expect(before[0]!.totals).toEqual({ calls: '4', earned_atomic: '4000', reversed_atomic: '1000', revenue_atomic: '3000' });
    await fold();
    const folded = await foldedId();
    expect(await reports()).toEqual(before);
    await fold();
    expect(await foldedId()).toBe(folded);
    await books.queued();
    expect((await reports())[0]!.totals).toMatchObject({ calls: '5', revenue_atomic: '4000' });
    await fold();
    expect((await reports())[0]!.totals).toMatchObject({ calls: '5', revenue_atomic: '4000' });
  });

  it('fold what several workers fold at once only once', async () => {
    for (let n = 0; n < 5; n++) await books.queued();
    const before = await byOperation();
    await Promise.all([fold(), fold(), fold()]);
    await fold();
    expect(await byOperation()).toEqual(before);
  });
});

import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { FinanceModule } from '@tollbox/finance/finance.module';
import { paymentAnswer, paymentsAnswer, type PaymentsAnswer } from '@tollbox/finance/http/payment-schemas';
import type { PaymentDetail } from '@tollbox/finance/domain/payment-records';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { SANDBOX_PAYMENTS, type OperationPayments } from '@tollbox/platform/operations/operation-payments';
import { PAY_TO, startTestApp, type TestApp } from '../platform/support/test-app';
import { SoldModule } from '../support/finance/sold';

const ALICE = `0x${'a'.repeat(40)}`;
const BOB = `0x${'b'.repeat(40)}`;
const ASSET = '0x036cbd53842c5426634e7929541ec2318f3dcf7e';
/** More than a JavaScript number holds, and the most a uint256 holds. */
const HUGE = (2n ** 256n - 1n).toString();

interface Seed {
  payer?: string;
  operation?: string;
  amount?: string;
  claimedAt?: string;
  to?: 'claimed' | 'voided' | 'queued' | 'settled';
}

describe('the finance API', () => {
  let test: TestApp;
  let pool: Pool;
  let token: string;

  beforeEach(async () => {
    test = await startTestApp({ imports: [FinanceModule.forGateway(SoldModule)] });
    pool = test.app.get<Pool>(PG_POOL);
    ({ token } = await test.key('finance'));
  });
  afterEach(() => test.close());

  /** A payment in the database, brought to its state by legal changes only. */
  async function seed({
    payer = ALICE,
    operation = 'sandbox.exec',
    amount = '1000',
    claimedAt = '2026-11-01T00:00:00.000Z',
    to = 'claimed',
  }: Seed = {}) {
    const id = randomUUID();
    const operationId = randomUUID();
    await pool.query(
      `INSERT INTO payments (id, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic, price_atomic,
         valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder,
         lease_expires_at, claimed_at, claimed_at_block)
       VALUES ($1, 'eip155:84532', $2, $3, $4, 'claimed', $5, $6, 2, $7, $8, $8, 0, 9999999999, '0xsig', 'eoa', 'f', 'POST', '/p', 'b',
         'confirm', 'spec', now(), $9, 1)`,
      [id, ASSET, payer, `0x${id.replaceAll('-', '')}`, operation, operationId, PAY_TO, amount, claimedAt],
    );
    await pool.query(
      "INSERT INTO payment_events (payment_id, attempt, kind, to_state, actor) VALUES ($1, 1, 'claimed', 'claimed', 'spec')",
      [id],
    );
    if (to === 'voided') await pool.query("UPDATE payments SET state = 'voided', void_code = 'sandbox_gone' WHERE id = $1", [id]);
    if (to === 'queued' || to === 'settled') {
      await pool.query(
        "UPDATE payments SET state = 'queued', answer_status = 200, answer_body = 'x', answer_expires_at = now(), executed_at = now(), queued_at = now() WHERE id = $1",
        [id],
      );
    }
    if (to === 'settled') await settle(id);
    return { id, operationId };
  }

  async function settle(id: string): Promise<void> {
    const transaction = { id: randomUUID(), hash: `0x${randomUUID().replaceAll('-', '')}` };
    await pool.query(
      `INSERT INTO settlement_transactions (id, batch_id, network, signer, evm_nonce, fence, raw_transaction, transaction_hash, state, gas_used,
         effective_gas_price_wei, fee_wei)
       VALUES ($1, $1, 'eip155:84532', '0xsigner', (SELECT count(*) FROM settlement_transactions), 1, '0xraw', $2, 'succeeded', 85000, $3, $3)`,
      [transaction.id, transaction.hash, HUGE],
    );
    await pool.query(
      "UPDATE payments SET state = 'broadcast', settlement_transaction_id = $2, broadcast_at = now() WHERE id = $1",
      [id, transaction.id],
    );
    await pool.query(
      "UPDATE payments SET state = 'settled', transaction_hash = $2, block_number = 9007199254740993, block_hash = '0xb', settled_at = now() WHERE id = $1",
      [id, transaction.hash],
    );
  }

  const get = (url: string) => test.app.inject({ url, headers: { authorization: `Bearer ${token}` } });
  async function list(query: Record<string, string> = {}): Promise<PaymentsAnswer> {
    const answer = await get(`/finance/payments?${new URLSearchParams(query).toString()}`);
    expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
    paymentsAnswer.parse(answer.json());
    return answer.json<PaymentsAnswer>();
  }
  const ids = (page: PaymentsAnswer): string[] => page.payments.map(({ id }) => id);

  it('sums up what the filter matches, by state, without losing a unit', async () => {
    await seed({ amount: HUGE, to: 'settled' });
    await seed({ amount: HUGE, to: 'settled', payer: BOB });
    await seed({ amount: '1', to: 'voided' });
    const { totals } = await list({ limit: '1' });
    const twice = (2n * BigInt(HUGE)).toString();
    const all = (2n * BigInt(HUGE) + 1n).toString();
    expect(totals).toEqual({
      count: 3,
      amount_atomic: all,
      price_atomic: all,
      by_state: {
        settled: { count: 2, amount_atomic: twice, price_atomic: twice },
        voided: { count: 1, amount_atomic: '1', price_atomic: '1' },
      },
    });
  });

  it('is empty, with zeros, when nothing matches', async () => {
    expect(await list()).toEqual({
      payments: [],
      next_cursor: null,
      totals: { count: 0, amount_atomic: '0', price_atomic: '0', by_state: {} },
    });
  });

  it('filters by wallet, state, operation and time, and by all together', async () => {
    const wanted = await seed({ payer: BOB, operation: 'sandbox.create', to: 'settled', claimedAt: '2026-11-02T00:00:00.000Z' });
    const before = await seed({ payer: BOB, operation: 'sandbox.create', to: 'settled', claimedAt: '2026-11-01T23:59:59.999Z' });
    const after = await seed({ payer: BOB, operation: 'sandbox.create', to: 'settled', claimedAt: '2026-11-03T00:00:00.000Z' });
    const alice = await seed({ operation: 'sandbox.create', to: 'settled', claimedAt: '2026-11-02T00:00:00.000Z' });
    const exec = await seed({ payer: BOB, to: 'settled', claimedAt: '2026-11-02T00:00:00.000Z' });
    const queued = await seed({ payer: BOB, operation: 'sandbox.create', to: 'queued', claimedAt: '2026-11-02T00:00:00.000Z' });
    const all = [wanted, before, after, alice, exec, queued].map(({ id }) => id).sort();
    const without = (other: { id: string }) => all.filter((id) => id !== other.id);
    expect(ids(await list()).sort()).toEqual(all);
    expect(ids(await list({ wallet: BOB.toUpperCase().replace('0X', '0x') })).sort()).toEqual(without(alice));
    expect(ids(await list({ state: 'settled' })).sort()).toEqual(without(queued));
    expect(ids(await list({ operation: 'sandbox.create' })).sort()).toEqual(without(exec));
    expect(ids(await list({ from: '2026-11-02T00:00:00Z' })).sort()).toEqual(without(before));
    expect(ids(await list({ to: '2026-11-03T01:00:00+01:00' })).sort()).toEqual(without(after));
    const together = {
      wallet: BOB,
      state: 'settled',
      operation: 'sandbox.create',
      from: '2026-11-02T00:00:00Z',
      to: '2026-11-03T00:00:00Z',
    };
    const page = await list(together);
    expect([ids(page), page.totals!.count]).toEqual([[wanted.id], 1]);
  });

  it('pages through everything once, also when payments arrive meanwhile and times are equal', async () => {
    const older: string[] = [];
    const newer: string[] = [];
    for (let n = 0; n < 6; n++) {
      older.push((await seed({ claimedAt: '2026-11-01T00:00:00.001Z' })).id);
      newer.push((await seed({ claimedAt: '2026-11-01T00:00:00.002Z' })).id);
    }
    const newestFirst = [...newer.sort().reverse(), ...older.sort().reverse()];
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: PaymentsAnswer = await list({ limit: '5', wallet: ALICE, ...(cursor === '' ? {} : { cursor }) });
      seen.push(...ids(page));
      cursor = page.next_cursor;
      await seed({ claimedAt: '2026-11-05T00:00:00.000Z' });
    }
    expect(seen).toEqual(newestFirst);
  });

  it.each([
    ['wallet=0x12', 'wallet'],
    ['state=paid', 'state'],
    ['from=yesterday', 'from'],
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=1e2', 'limit'],
    ['cursor=AAAA', 'cursor'],
    ["cursor=' OR 1=1", 'cursor'],
    ['walet=0x', ''],
    ['state=settled&state=voided', 'state'],
  ])('refuses the query %s and says which parameter', async (query, parameter) => {
    const answer = await get(`/finance/payments?${query}`);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code: 'invalid_query', details: [{ path: parameter === '' ? [] : [parameter] }] });
  });

  it('shows a payment with its history, its settlement and what it bought', async () => {
    const { id, operationId } = await seed({ amount: HUGE, to: 'settled' });
    await pool.query(
      `INSERT INTO sandboxes (id, owner, state, operation_id, provider, isolation, network_policy, image, cpu_millis, memory_mib, lifetime_ms, deadline_at)
       VALUES ('sb-1', $1, 'running', $2, 'container', 'gvisor', 'none', 'python:3.11', 1000, 512, 1, now())`,
      [ALICE, randomUUID()],
    );
    const executionId = randomUUID();
    await pool.query("INSERT INTO operations (id, name, sandbox_id, state) VALUES ($1, 'sandbox.exec', 'sb-1', 'started')", [
      operationId,
    ]);
    await pool.query(
      `INSERT INTO executions (id, operation_id, sandbox_id, owner, argv, timeout_ms, state, started_at)
       SELECT $1, id, 'sb-1', $3, '[]', 1, 'started', at FROM operations WHERE id = $2`,
      [executionId, operationId, ALICE],
    );
    const answer = await get(`/finance/payments/${id}`);
    expect(answer.statusCode).toBe(200);
    paymentAnswer.parse(answer.json());
    const payment = answer.json<PaymentDetail>();
    expect(payment).toMatchObject({
      id,
      state: 'settled',
      payer: ALICE,
      amount_atomic: HUGE,
      block_number: '9007199254740993',
      valid_before: '9999999999',
      events: [{ kind: 'claimed', from_state: null, to_state: 'claimed', attempt: 1 }],
      settlement: {
        state: 'succeeded',
        transaction_hash: payment.transaction_hash,
        gas_used: '85000',
        effective_gas_price_wei: HUGE,
      },
      work: { sandbox_id: 'sb-1', execution_id: executionId },
    });
    expect(answer.body).not.toMatch(/0xsig"|0xraw|answer_body/);
  });

  it('finds the sandbox of any operation, and nothing where no work started', async () => {
    const status = await seed({ operation: 'sandbox.status' });
    const abandoned = await seed({ operation: 'sandbox.create' });
    const unstarted = await seed({ operation: 'sandbox.status' });
    await pool.query("INSERT INTO operations (id, name, sandbox_id, state) VALUES ($1, 'sandbox.status', 'sb-2', 'started')", [
      status.operationId,
    ]);
    await pool.query("INSERT INTO operations (id, name, state) VALUES ($1, 'sandbox.create', 'abandoned')", [
      abandoned.operationId,
    ]);
    const workOf = async ({ id }: { id: string }) => (await get(`/finance/payments/${id}`)).json<PaymentDetail>().work;
    expect(await workOf(status)).toEqual({ sandbox_id: 'sb-2', execution_id: null });
    expect(await workOf(abandoned)).toEqual({ sandbox_id: null, execution_id: null });
    expect(await workOf(unstarted)).toEqual({ sandbox_id: null, execution_id: null });
  });

  it.each([randomUUID(), 'nonsense', '%27', '..%2Fadmin'])('answers 404 for the payment %s', async (id) => {
    const answer = await get(`/finance/payments/${id}`);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([404, 'not_found']);
  });

  it('tells other parts which payments bought which operations', async () => {
    const one = await seed({ claimedAt: '2026-11-02T00:00:00.000Z', to: 'settled' });
    const two = await seed({ claimedAt: '2026-11-01T00:00:00.000Z', amount: HUGE });
    await seed();
    const payments = test.app.get<OperationPayments>(SANDBOX_PAYMENTS);
    const found = await payments.ofOperations([one.operationId, two.operationId, randomUUID()]);
    expect(found).toMatchObject([
      {
        paymentId: two.id,
        operationId: two.operationId,
        state: 'claimed',
        amountAtomic: HUGE,
        claimedAt: '2026-11-01T00:00:00.000Z',
        settledAt: null,
      },
      { paymentId: one.id, state: 'settled', payer: ALICE, transactionHash: expect.stringMatching(/^0x/) },
    ]);
    expect(await payments.ofOperations([])).toEqual([]);
  });
});

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { PHASE_BOUNDARIES, type PhaseBoundary } from '@tollbox/platform/faults/phase-boundaries';
import { eventually, Stack, type Answer, type SandboxCall } from '../support/e2e/stack';
import { broadcast, EXECUTED, paidFor, settled } from '../support/payments/bookings';
import { FacilitatorServer } from '../support/payments/facilitator-server';
import { entriesOf } from '../support/reconciliation/clean-books';

/**
 * `kill -9` at every boundary of a paid call (design 3.1), in the gateway and in the worker. After a restart the payment
 * is resolved by the rules, nothing ran or was charged twice, no sandbox is left over, the same header gets what the rules
 * say, the journal has exactly what belongs there, and a reconciliation finds nothing.
 */
const GATEWAY_BOUNDARIES = [
  'claimed',
  'operation_running',
  'operation_done',
  'queued',
] as const satisfies readonly PhaseBoundary[];
const WORKER_BOUNDARIES = [
  'transaction_stored',
  'transaction_sent',
  'price_raised',
  'transaction_mined',
] as const satisfies readonly PhaseBoundary[];
const REFUND_BOUNDARIES = ['refund_stored', 'refund_sent'] as const satisfies readonly PhaseBoundary[];

const REFUND_KEY = devPrivateKey(7);
const PAID_CREATE = paidFor('sandbox.create', 10_000n);
const PAID_CALL = (call: SandboxCall): string[] => paidFor(`sandbox.${call}`, 1_000n);

const ENV = {
  SANDBOX_CREATE_DEADLINE_MS: '4000',
  REAPER_SWEEP_INTERVAL_MS: '500',
  REAPER_ORPHAN_MARGIN_MS: '0',
  CLAIM_LEASE_MS: '1000',
  SETTLEMENT_LEASE_MS: '1000',
  REFUND_LEASE_MS: '1000',
  REFUND_POLL_MS: '50',
  REFUND_REBROADCAST_AFTER_MS: '200',
  REFUND_FINAL_DEPTH: '0',
};
const path = (call: SandboxCall): string => `/api/v1/modal/sandbox/${call}`;
const CREDITS = '/v1/credits';

let stack: Stack;
let payer: PrivateKeyAccount;
beforeAll(async () => {
  stack = await Stack.start({ env: ENV });
  payer = await stack.wallet(1, 10_000_000n);
});
afterAll(async () => {
  await stack.stop();
});
afterEach(async () => {
  // Whatever a test leaves must be known and removable.
  for (const { id, state } of await stack.sandboxes())
    if (state === 'running') await stack.paid(payer, 'terminate', { sandbox_id: id });
  await eventually('no provider object is left', async () => (await stack.providerObjects()) === 0);
  await stack.expectCleanBooks();
});

it('covers every boundary in the list', () => {
  expect([...GATEWAY_BOUNDARIES, ...WORKER_BOUNDARIES, ...REFUND_BOUNDARIES]).toEqual([...PHASE_BOUNDARIES]);
});

/** Sends the call to a gateway that dies at the boundary. What becomes of it is up to the other processes. */
async function callAndDie(boundary: PhaseBoundary, url: string, body: unknown, headers: Record<string, string>): Promise<void> {
  const dying = await stack.addGateway({ FAULT_KILL_AT: boundary });
  await expect(stack.post(url, body, headers, dying.url)).rejects.toThrow();
  expect(await dying.exited).toMatchObject({ signal: 'SIGKILL' });
}

/** What a patient buyer does: the same header again while the answer says that it helps. */
async function retry(url: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
  return eventually('the retry gets a final answer', async () => {
    const answer = await stack.post(url, body, headers);
    return answer.status === 503 && answer.body.retryable === true ? null : answer;
  });
}

async function paymentOf(answer: Answer): Promise<{ state: string; attempt: number; void_code: string | null }> {
  const { rows } = await stack.pool.query<{ state: string; attempt: number; void_code: string | null }>(
    'SELECT state, attempt, void_code FROM payments WHERE id = $1',
    [answer.headers.get('x-payment-id')],
  );
  return rows[0]!;
}

const runningSandboxes = async (): Promise<string[]> =>
  (await stack.sandboxes()).filter((sandbox) => sandbox.state === 'running').map((sandbox) => sandbox.id);

describe('the gateway dies during create', () => {
  it.each(GATEWAY_BOUNDARIES)('at %s', async (boundary) => {
    const headers = await stack.header(payer, 'create');
    const earned = await stack.earnedAtomic();
    await callAndDie(boundary, path('create'), {}, headers);
    const answer = await retry(path('create'), {}, headers);
    const payment = await paymentOf(answer);
    if (answer.status === 200) {
      expect(await runningSandboxes()).toEqual([answer.body.sandbox_id]);
      expect((await stack.earnedAtomic()) - earned).toBe(10_000n);
      expect(payment).toMatchObject({ state: 'settled', attempt: boundary === 'claimed' ? 2 : 1 });
      expect((await retry(path('create'), {}, headers)).text).toBe(answer.text);
      expect(await stack.bookedFor(answer)).toEqual(PAID_CREATE);
    } else {
      // Only while the provider works is the outcome lost; then nothing is charged and what was made is removed.
      expect(boundary).toBe('operation_running');
      expect(answer).toMatchObject({ status: 503, body: { code: 'execution_lost', charged: false, retryable: false } });
      expect(payment).toMatchObject({ state: 'voided', void_code: 'execution_lost', attempt: 1 });
      expect(await stack.earnedAtomic()).toBe(earned);
      expect(await stack.bookedFor(answer)).toEqual([]);
      expect(await runningSandboxes()).toEqual([]);
    }
  });
});

describe('the gateway dies during exec', () => {
  const COUNT = 'echo run >> /tmp/runs; wc -l < /tmp/runs';

  it.each(GATEWAY_BOUNDARIES)('at %s', async (boundary) => {
    const { sandbox_id } = (await stack.paid(payer, 'create', {})).body;
    const earned = await stack.earnedAtomic();
    const body = { sandbox_id, command: ['sh', '-c', COUNT] };
    const headers = await stack.header(payer, 'exec');
    await callAndDie(boundary, path('exec'), body, headers);
    const answer = await retry(path('exec'), body, headers);
    const ran = Number(
      (await stack.paid(payer, 'exec', { sandbox_id, command: ['sh', '-c', 'touch /tmp/runs; wc -l < /tmp/runs'] })).body.stdout,
    );
    const charged = (await stack.earnedAtomic()) - earned - 1_000n;
    if (boundary === 'operation_running') {
      expect(answer).toMatchObject({ status: 503, body: { code: 'execution_lost', charged: false } });
      expect(ran).toBeLessThanOrEqual(1);
      expect(charged).toBe(0n);
      expect(await stack.bookedFor(answer)).toEqual([]);
    } else {
      expect(answer).toMatchObject({ status: 200, body: { stdout: '1\n', returncode: 0 } });
      expect(ran).toBe(1);
      expect(charged).toBe(1_000n);
      expect(await stack.bookedFor(answer)).toEqual(PAID_CALL('exec'));
    }
  });
});

describe('the gateway dies during terminate', () => {
  it.each(['claimed', 'operation_done', 'queued'] as const)('at %s', async (boundary) => {
    const { sandbox_id } = (await stack.paid(payer, 'create', {})).body;
    const earned = await stack.earnedAtomic();
    const headers = await stack.header(payer, 'terminate');
    await callAndDie(boundary, path('terminate'), { sandbox_id }, headers);
    const answer = await retry(path('terminate'), { sandbox_id }, headers);
    expect(answer).toMatchObject({ status: 200, body: { sandbox_id, status: 'terminated' } });
    expect((await stack.earnedAtomic()) - earned).toBe(1_000n);
    expect(await stack.bookedFor(answer)).toEqual(PAID_CALL('terminate'));
  });
});

describe('the worker dies during settlement', () => {
  it.each(WORKER_BOUNDARIES)('at %s', async (boundary) => {
    const earned = await stack.earnedAtomic();
    await stack.worker!.stop();
    await stack.startWorker({ FAULT_KILL_AT: boundary, SETTLEMENT_BUMP_AFTER_MS: '500' });
    await stack.chain.setAutomine(boundary !== 'price_raised');
    const headers = await stack.header(payer, 'create');
    const answer = stack.post(path('create'), {}, headers); // waits for its settlement through all of this
    expect(await stack.worker!.exited).toMatchObject({ signal: 'SIGKILL' });
    await stack.startWorker();
    await stack.chain.setAutomine(true);
    await stack.chain.mine();
    expect(await answer).toMatchObject({ status: 200 });
    expect((await stack.earnedAtomic()) - earned).toBe(10_000n);
    const { rows } = await stack.pool.query('SELECT 1 FROM settlement_transactions WHERE transaction_hash = $1', [
      (await answer).headers.get('x-payment-receipt'),
    ]);
    expect(rows).toHaveLength(1); // the stored bytes were used, not new ones
    expect(await stack.bookedFor(await answer)).toEqual(PAID_CREATE);
  });
});

describe('the worker dies while payments are settled', () => {
  let facilitator: FacilitatorServer;
  beforeAll(async () => {
    facilitator = await FacilitatorServer.start(stack.chain.rpcUrl, 400);
  });
  afterAll(async () => {
    await stack.worker!.stop();
    await stack.startWorker();
    await facilitator.stop();
  });

  it.each(['transaction_stored', 'transaction_sent'] as const)('by a remote facilitator, at %s', async (boundary) => {
    const remote = { FACILITATOR_URL: facilitator.url, FACILITATOR_TIMEOUT_MS: '1000', SETTLEMENT_UNKNOWN_AFTER_MS: '1000' };
    const asked = facilitator.settleCalls;
    await stack.worker!.stop();
    await stack.startWorker({ ...remote, FAULT_KILL_AT: boundary });
    const headers = await stack.header(payer, 'create');
    const answer = stack.post(path('create'), {}, headers);
    expect(await stack.worker!.exited).toMatchObject({ signal: 'SIGKILL' });
    await stack.startWorker(remote);
    expect(await answer).toMatchObject({ status: 200 });
    expect(facilitator.settleCalls - asked).toBe(1); // asked once: before the death or after it
    expect(await stack.bookedFor(await answer)).toEqual(paidFor('sandbox.create', 10_000n, [EXECUTED, broadcast(), settled()]));
  });
});

describe('the gateway dies with credits', () => {
  const made = (): { token: string; body: Record<string, string> } => {
    const token = `tbc_${randomBytes(32).toString('base64url')}`;
    return { token, body: { amount: '50000', token_sha256: createHash('sha256').update(token).digest('hex') } };
  };

  it('being bought, at operation_done', async () => {
    const { token, body } = made();
    const headers = await stack.header(payer, 'create', { amountAtomic: 50_000n });
    await callAndDie('operation_done', CREDITS, body, headers);
    const answer = await retry(CREDITS, body, headers);
    expect(answer.status).toBe(200);
    const bought = ['executed 1: authorized <- credits 50000', ...paidFor('', 50_000n).slice(1)];
    expect(await stack.bookedFor(answer)).toEqual(bought);
    const credits = await stack.get(CREDITS, { authorization: `Bearer ${token}` });
    expect(credits.status).toBe(200);
  });

  it.each(['claimed', 'operation_done', 'queued'] as const)('being used, at %s', async (boundary) => {
    const { token, body } = made();
    expect((await stack.post(CREDITS, body, await stack.header(payer, 'create', { amountAtomic: 50_000n }))).status).toBe(200);
    const balance = async (): Promise<unknown> =>
      (await stack.pool.query('SELECT balance_atomic::int AS balance, held_atomic::int AS held FROM credit_accounts')).rows[0];
    const { balance: before } = (await balance()) as { balance: number };
    const headers = { authorization: `Bearer ${token}`, 'idempotency-key': randomUUID() };
    await callAndDie(boundary, path('create'), {}, headers);
    const answer = await retry(path('create'), {}, headers);
    expect(answer.status).toBe(200);
    expect(await runningSandboxes()).toEqual([answer.body.sandbox_id]);
    expect(await balance()).toEqual({ balance: before - 10_000, held: 0 });
    expect(await stack.bookedFor(answer)).toEqual(['executed 1: credits <- revenue:sandbox.create 10000']);
  });
});

describe('the worker dies while it pays a refund', () => {
  it.each(REFUND_BOUNDARIES)('at %s', async (boundary) => {
    await stack.chain.mint(privateKeyToAccount(REFUND_KEY).address, 4_000n);
    const paid = await stack.paid(payer, 'create', {});
    const before = await stack.chain.balanceOf(payer.address);
    await stack.worker!.stop();
    await stack.startWorker({ REFUND_PRIVATE_KEY: REFUND_KEY, FAULT_KILL_AT: boundary });
    const authorization = `Bearer ${await stack.staffToken('finance')}`;
    const request = { payment_id: paid.headers.get('x-payment-id'), amount: '4000', kind: 'onchain', reason: 'the spec says so' };
    const refund = await stack.post('/finance/refunds', request, { authorization });
    expect(refund).toMatchObject({ status: 200, body: { needs_second_key: false } });
    const { id } = refund.body as { id: string };
    expect(await stack.worker!.exited).toMatchObject({ signal: 'SIGKILL' });
    await stack.startWorker({ REFUND_PRIVATE_KEY: REFUND_KEY });
    await eventually('the refund is paid', async () => {
      const { body } = await stack.get(`/finance/refunds/${id}`, { authorization });
      return (body as { state: string }).state === 'paid';
    });
    expect((await stack.chain.balanceOf(payer.address)) - before).toBe(4_000n);
    expect(await entriesOf(stack.pool, id)).toEqual([
      'refund_approved 1: refunds <- refunds_due 4000',
      'refund_paid 1: refunds_due <- refund_float 4000',
      'refund_gas 1',
    ]);
  });
});

it('gateway and worker die together with payments on their way, and every payer gets his answer', async () => {
  const earned = await stack.earnedAtomic();
  await stack.worker!.stop();
  const calls = await Promise.all(Array.from({ length: 6 }, () => stack.header(payer, 'create')));
  const broken = calls.map((headers) => stack.post(path('create'), {}, headers).catch(() => null));
  await eventually('all are queued', async () => {
    const { rows } = await stack.pool.query(`SELECT 1 FROM payments WHERE state = 'queued'`);
    return rows.length === calls.length;
  });
  await stack.gateway.kill();
  await Promise.all(broken);
  await stack.startWorker({ FAULT_KILL_AT: 'transaction_sent' });
  await stack.worker!.exited;
  await stack.startGateway();
  await stack.startWorker();
  const answers = await Promise.all(calls.map((headers) => retry(path('create'), {}, headers)));
  expect(answers.map((answer) => answer.status)).toEqual(calls.map(() => 200));
  expect(new Set(answers.map((answer) => answer.body.sandbox_id as string)).size).toBe(calls.length);
  expect((await stack.earnedAtomic()) - earned).toBe(60_000n);
  for (const answer of answers) expect(await stack.bookedFor(answer)).toEqual(PAID_CREATE);
});

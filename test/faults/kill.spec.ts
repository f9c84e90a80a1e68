import type { PrivateKeyAccount } from 'viem/accounts';
import { PHASE_BOUNDARIES, type PhaseBoundary } from '@tollbox/platform/faults/phase-boundaries';
import { eventually, Stack, type Answer, type SandboxCall } from '../support/e2e/stack';

/**
 * `kill -9` at every boundary of a paid call (design 3.1), in the gateway and in the worker. After a restart the payment
 * is resolved by the rules, nothing ran or was charged twice, no sandbox is left over, and the same header gets what the
 * rules say.
 */
const GATEWAY_BOUNDARIES = [
  'claimed',
  'operation_running',
  'operation_done',
  'queued',
] as const satisfies readonly PhaseBoundary[];
const WORKER_BOUNDARIES = ['transaction_stored', 'transaction_sent'] as const satisfies readonly PhaseBoundary[];

const ENV = {
  SANDBOX_CREATE_DEADLINE_MS: '4000',
  REAPER_SWEEP_INTERVAL_MS: '500',
  REAPER_ORPHAN_MARGIN_MS: '0',
  CLAIM_LEASE_MS: '1000',
};
const path = (call: SandboxCall): string => `/api/v1/modal/sandbox/${call}`;

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
  await eventually('no payment is on its way', async () => {
    const { rows } = await stack.pool.query(
      `SELECT 1 FROM payments WHERE state NOT IN ('settled', 'voided', 'failed', 'expired')`,
    );
    return rows.length === 0;
  });
  expect(await stack.settledAtomic()).toBe(await stack.earnedAtomic());
});

it('covers every boundary in the list', () => {
  expect([...GATEWAY_BOUNDARIES, ...WORKER_BOUNDARIES]).toEqual([...PHASE_BOUNDARIES]);
});

/** Sends the call to a gateway that dies at the boundary, and starts another one. */
async function callAndDie(
  boundary: PhaseBoundary,
  call: SandboxCall,
  body: unknown,
  headers: Record<string, string>,
): Promise<void> {
  await stack.gateway.stop();
  await stack.startGateway({ FAULT_KILL_AT: boundary });
  await expect(stack.post(path(call), body, headers)).rejects.toThrow();
  expect(await stack.gateway.exited).toMatchObject({ signal: 'SIGKILL' });
  await stack.startGateway();
}

/** What a patient buyer does: the same header again while the answer says that it helps. */
async function retry(call: SandboxCall, body: unknown, headers: Record<string, string>): Promise<Answer> {
  return eventually('the retry gets a final answer', async () => {
    const answer = await stack.post(path(call), body, headers);
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
    await callAndDie(boundary, 'create', {}, headers);
    const answer = await retry('create', {}, headers);
    const payment = await paymentOf(answer);
    if (answer.status === 200) {
      expect(await runningSandboxes()).toEqual([answer.body.sandbox_id]);
      expect((await stack.earnedAtomic()) - earned).toBe(10_000n);
      expect(payment).toMatchObject({ state: 'settled', attempt: boundary === 'claimed' ? 2 : 1 });
      expect((await retry('create', {}, headers)).text).toBe(answer.text);
    } else {
      // Only while the provider works is the outcome lost; then nothing is charged and what was made is removed.
      expect(boundary).toBe('operation_running');
      expect(answer).toMatchObject({ status: 503, body: { code: 'execution_lost', charged: false, retryable: false } });
      expect(payment).toMatchObject({ state: 'voided', void_code: 'execution_lost', attempt: 1 });
      expect(await stack.earnedAtomic()).toBe(earned);
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
    await callAndDie(boundary, 'exec', body, headers);
    const answer = await retry('exec', body, headers);
    const ran = Number(
      (await stack.paid(payer, 'exec', { sandbox_id, command: ['sh', '-c', 'touch /tmp/runs; wc -l < /tmp/runs'] })).body.stdout,
    );
    const charged = (await stack.earnedAtomic()) - earned - 1_000n;
    if (boundary === 'operation_running') {
      expect(answer).toMatchObject({ status: 503, body: { code: 'execution_lost', charged: false } });
      expect(ran).toBeLessThanOrEqual(1);
      expect(charged).toBe(0n);
    } else {
      expect(answer).toMatchObject({ status: 200, body: { stdout: '1\n', returncode: 0 } });
      expect(ran).toBe(1);
      expect(charged).toBe(1_000n);
    }
  });
});

describe('the gateway dies during terminate', () => {
  it.each(['claimed', 'operation_done', 'queued'] as const)('at %s', async (boundary) => {
    const { sandbox_id } = (await stack.paid(payer, 'create', {})).body;
    const earned = await stack.earnedAtomic();
    const headers = await stack.header(payer, 'terminate');
    await callAndDie(boundary, 'terminate', { sandbox_id }, headers);
    expect(await retry('terminate', { sandbox_id }, headers)).toMatchObject({
      status: 200,
      body: { sandbox_id, status: 'terminated' },
    });
    expect((await stack.earnedAtomic()) - earned).toBe(1_000n);
  });
});

describe('the worker dies during settlement', () => {
  it.each(WORKER_BOUNDARIES)('at %s', async (boundary) => {
    const earned = await stack.earnedAtomic();
    await stack.worker!.stop();
    await stack.startWorker({ FAULT_KILL_AT: boundary });
    const headers = await stack.header(payer, 'create');
    const answer = stack.post(path('create'), {}, headers); // waits for its settlement through all of this
    expect(await stack.worker!.exited).toMatchObject({ signal: 'SIGKILL' });
    await stack.startWorker();
    expect(await answer).toMatchObject({ status: 200 });
    expect((await stack.earnedAtomic()) - earned).toBe(10_000n);
    const { rows } = await stack.pool.query('SELECT 1 FROM settlement_transactions WHERE transaction_hash = $1', [
      (await answer).headers.get('x-payment-receipt'),
    ]);
    expect(rows).toHaveLength(1); // the stored bytes were used, not new ones
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
  const answers = await Promise.all(calls.map((headers) => retry('create', {}, headers)));
  expect(answers.map((answer) => answer.status)).toEqual(calls.map(() => 200));
  expect(new Set(answers.map((answer) => answer.body.sandbox_id as string)).size).toBe(calls.length);
  expect((await stack.earnedAtomic()) - earned).toBe(60_000n);
});

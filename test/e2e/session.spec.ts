import { eventually, receiptOf, Stack, type ProviderUnderTest } from '../support/e2e/stack';

const CREATE = '/api/v1/modal/sandbox/create';
const EXEC = '/api/v1/modal/sandbox/exec';

/** The path that an agent takes, over HTTP, on each provider. */
describe.each<ProviderUnderTest>(['container', 'modal'])('a session on the %s provider', (provider) => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await Stack.start({ provider });
  });
  afterAll(async () => {
    await stack.stop();
  });

  it('is completed by the official x402 v2 client', async () => {
    const pay = stack.officialClient(await stack.wallet(1));
    const call = async (operation: string, body: unknown) => {
      const response = await pay(`${stack.gateway.url}/api/v1/modal/sandbox/${operation}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return {
        status: response.status,
        receipt: response.headers.get('payment-response'),
        body: (await response.json()) as Record<string, unknown>,
      };
    };
    const created = await call('create', { timeout: 120 });
    expect(created).toMatchObject({
      status: 200,
      body: {
        sandbox_id: expect.stringMatching(/^sb-[A-Za-z0-9]{22}$/),
        status: 'running',
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00$/),
        config: { image: 'python:3.11', timeout: 120, cpu: 1, memory: 512, gpu: null },
      },
    });
    const { sandbox_id } = created.body;
    expect(await call('exec', { sandbox_id, command: ['python', '-c', 'import sys; print(6*7); sys.exit(3)'] })).toMatchObject({
      status: 200,
      body: { sandbox_id, stdout: '42\n', stderr: '', returncode: 3 },
    });
    expect(await call('status', { sandbox_id })).toMatchObject({
      status: 200,
      body: { sandbox_id, status: 'running', returncode: null },
    });
    expect(await call('terminate', { sandbox_id })).toMatchObject({ status: 200, body: { sandbox_id, status: 'terminated' } });
    expect(await call('status', { sandbox_id })).toMatchObject({ status: 200, body: { sandbox_id, status: 'terminated' } });
    expect(await call('terminate', { sandbox_id })).toMatchObject({ status: 200, body: { sandbox_id, status: 'terminated' } });

    expect(await stack.earnedAtomic()).toBe(10_000n + 5n * 1_000n);
    expect(await stack.settledAtomic()).toBe(await stack.earnedAtomic());
    expect(await stack.providerObjects()).toBe(0);
  });

  it('answers exec on an ended sandbox 410, not charged', async () => {
    const payer = await stack.wallet(2);
    const before = await stack.earnedAtomic();
    const created = await stack.paid(payer, 'create', {});
    const { sandbox_id } = created.body;
    await stack.paid(payer, 'terminate', { sandbox_id });
    const gone = await stack.paid(payer, 'exec', { sandbox_id, command: ['true'] });
    expect(gone).toMatchObject({ status: 410, body: { code: 'sandbox_gone', charged: false } });
    expect((await stack.earnedAtomic()) - before).toBe(11_000n);
    expect(await stack.settledAtomic()).toBe(await stack.earnedAtomic());
  });

  it('gives another wallet the same answer as for an unknown id, and charges nothing', async () => {
    const owner = await stack.wallet(3);
    const thief = await stack.wallet(4);
    const { sandbox_id } = (await stack.paid(owner, 'create', {})).body;
    for (const [call, extra] of [
      ['exec', { command: ['id'] }],
      ['status', {}],
      ['terminate', {}],
    ] as const) {
      const foreign = await stack.paid(thief, call, { sandbox_id, ...extra });
      const unknown = await stack.paid(thief, call, { sandbox_id: 'sb-0000000000000000000000', ...extra });
      const comparable = ({ body }: typeof foreign) => ({ ...(body as Record<string, unknown>), request_id: '' });
      expect(foreign.status).toBe(404);
      expect(comparable(foreign)).toEqual(comparable(unknown));
      expect(foreign.body).toMatchObject({ code: 'sandbox_not_found', charged: false });
    }
    expect(await stack.paid(owner, 'status', { sandbox_id })).toMatchObject({ status: 200, body: { status: 'running' } });
    expect(await stack.settledAtomic()).toBe(await stack.earnedAtomic());
    await stack.paid(owner, 'terminate', { sandbox_id });
  });

  it('times an exec out with the output so far', async () => {
    const payer = await stack.wallet(5);
    const { sandbox_id } = (await stack.paid(payer, 'create', {})).body;
    const slow = await stack.paid(payer, 'exec', {
      sandbox_id,
      command: ['python', '-uc', 'import time; print("before"); time.sleep(60)'],
      timeout: 2,
    });
    expect(slow).toMatchObject({ status: 200, body: { stdout: 'before\n', timed_out: true } });
    await stack.paid(payer, 'terminate', { sandbox_id });
  });

  it('gives 50 twins of one create one sandbox and the same bytes, from a payer who holds exactly one price', async () => {
    const payer = await stack.wallet(6, 10_000n);
    const header = await stack.header(payer, 'create');
    const { url: second } = await stack.addGateway();
    const before = (await stack.sandboxes()).length;
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => stack.post(CREATE, {}, header, index % 2 === 0 ? stack.gateway.url : second)),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(new Set(answers.map((answer) => receiptOf(answer)['transaction'])).size).toBe(1);
    expect(await stack.sandboxes()).toHaveLength(before + 1);
    expect(await stack.settledAtomic()).toBe(await stack.earnedAtomic());

    // A replay with another body is a conflict; the same one is the same, also when the sandbox is gone.
    expect(await stack.post(CREATE, { timeout: 60 }, header)).toMatchObject({
      status: 409,
      body: { code: 'payment_reused', charged: true },
    });
    await stack.chain.mint(payer.address, 1_000n);
    await stack.paid(payer, 'terminate', { sandbox_id: answers[0]!.body.sandbox_id });
    expect((await stack.post(CREATE, {}, header)).text).toBe(answers[0]!.text);
  });

  it('lets at most one of n creates over a balance for one through', async () => {
    const payer = await stack.wallet(7, 10_000n);
    const headers = await Promise.all(Array.from({ length: 8 }, () => stack.header(payer, 'create')));
    const answers = await Promise.all(headers.map((header) => stack.post(CREATE, {}, header)));
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    const refused = answers.filter((answer) => answer.status !== 200);
    expect(refused.every((answer) => answer.status === 402 && answer.body.details === 'Insufficient balance')).toBe(true);
    const created = answers.find((answer) => answer.status === 200)!;
    await stack.chain.mint(payer.address, 1_000n);
    await stack.paid(payer, 'terminate', { sandbox_id: created.body.sandbox_id });
  });

  it('ends a sandbox at its deadline', async () => {
    const payer = await stack.wallet(9);
    const { sandbox_id } = (await stack.paid(payer, 'create', { timeout: 10 })).body;
    await eventually('the sandbox ends', async () => {
      const { rows } = await stack.pool.query<{ state: string; reason: string }>(
        'SELECT state, reason FROM sandboxes WHERE id = $1',
        [sandbox_id],
      );
      return rows[0]?.state === 'terminated' && rows[0].reason === 'deadline';
    });
    expect(await stack.paid(payer, 'exec', { sandbox_id, command: ['true'] })).toMatchObject({ status: 410 });
    expect((await stack.get('/health/ready')).status).toBe(200);
    expect((await stack.post(EXEC, {})).status).toBe(400);
  });
});

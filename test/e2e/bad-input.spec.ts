import { CALLS, BAD_BODIES, UNKNOWN_IDS, UNREADABLE_BODIES } from '../support/e2e/bad-bodies';
import { BAD_HEADERS, goodHeader, type BadHeaderContext } from '../support/e2e/bad-headers';
import { sendRaw } from '../support/e2e/raw-http';
import { NETWORK, PAY_TO, Stack, type Answer, type SandboxCall } from '../support/e2e/stack';
import { cancelAuthorization } from '../support/e2e/wallets';
import { expectRefusal, expectTerms, issues, type AnyAnswer } from '../support/e2e/wire-shapes';

const path = (call: SandboxCall): string => `/api/v1/modal/sandbox/${call}`;
const any = (answer: Answer): AnyAnswer => ({
  status: answer.status,
  text: answer.text,
  header: (name) => answer.headers.get(name) ?? undefined,
});

/** What bad input must leave as it was. */
interface World {
  readonly payTo: bigint;
  readonly payer: bigint;
  readonly rows: Readonly<Record<string, string>>;
}

/**
 * Bad input against a payer who has money and a running sandbox, so that a hole would show: an accepted payment would be
 * charged, and an accepted body would do work.
 */
describe('bad input', () => {
  let stack: Stack;
  let context: BadHeaderContext;
  let sandboxId: string;
  let before: World;

  beforeAll(async () => {
    stack = await Stack.start();
    const payer = await stack.wallet(1);
    const poor = await stack.wallet(2, 0n);
    const smartWallet = (await stack.chain.deploySmartWallet(poor.address)).toLowerCase() as `0x${string}`;
    const canceledNonce = `0x${'0'.repeat(64)}` as const;
    await cancelAuthorization(stack.chain, NETWORK, payer, canceledNonce);
    context = { payer, poor, smartWallet, canceledNonce };
    const created = await stack.paid(payer, 'create', {});
    sandboxId = created.body.sandbox_id as string;
    before = await world();
  });
  afterAll(async () => {
    await stack.stop();
  });

  async function world(): Promise<World> {
    const tables = [
      'payments',
      'payment_events',
      'sandboxes',
      'sandbox_events',
      'executions',
      'operations',
      'settlement_transactions',
    ];
    const rows = await Promise.all(
      tables.map(async (table) => {
        const { rows } = await stack.pool.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
        return [table, rows[0]!.count] as const;
      }),
    );
    return {
      payTo: await stack.chain.balanceOf(PAY_TO),
      payer: await stack.chain.balanceOf(context.payer.address),
      rows: Object.fromEntries(rows),
    };
  }

  const goodBody = (call: SandboxCall): string => {
    if (call === 'create') return '{}';
    return JSON.stringify({ sandbox_id: sandboxId, ...(call === 'exec' ? { command: ['true'] } : {}) });
  };

  /** One request without an HTTP client's opinion of it; `headers` replace the usual ones. */
  async function send(call: SandboxCall, body: string | Buffer, headers: Readonly<Record<string, string>>): Promise<AnyAnswer> {
    const all = { 'content-type': 'application/json', ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    const { status, text, headers: answered } = await sendRaw(stack.gateway.url, { target: path(call), lines, body });
    return { status, text, header: (name) => answered.get(name) };
  }

  it('has a table that is worth its name', () => {
    expect(BAD_HEADERS.length).toBeGreaterThan(100);
    expect(UNREADABLE_BODIES.length + BAD_BODIES.length).toBeGreaterThan(100);
    for (const rows of [BAD_HEADERS.map(({ name }) => name), UNREADABLE_BODIES.map(({ name }) => name)])
      expect(new Set(rows).size).toBe(rows.length);
  });

  it.each(BAD_HEADERS.map((row) => [row.name, row] as const))('refuses a payment: %s', async (_name, row) => {
    for (const call of CALLS) {
      const answer = any(await stack.post(path(call), goodBody(call), await row.headers(context, call)));
      if (row.stranger === true && call !== 'create') {
        expectRefusal(answer, { status: 404, code: 'sandbox_not_found' });
        continue;
      }
      const { details, error } = expectRefusal(answer, { status: row.status, code: row.code });
      expect(details).toEqual(expect.any(String));
      if (row.status !== 402) continue;
      const { v1, v2 } = expectTerms(answer, call);
      expect(v1).toMatchObject({ error: 'Payment verification failed', reason: row.reason });
      expect([error, v2.error]).toEqual(['Payment verification failed', row.reason]);
      expect(answer.header('payment-response')).toBeUndefined();
    }
  });

  it.each(UNREADABLE_BODIES.map((row) => [row.name, row] as const))('refuses a body before payment: %s', async (_name, row) => {
    for (const call of CALLS) {
      const headers = { ...(await goodHeader(context, call)), ...row.headers };
      const answer = await send(call, row.body, headers);
      const { details } = expectRefusal(answer, { status: row.status, code: row.code });
      if (row.status === 400) expect(issues.parse(details)[0]!.path).toEqual([]);
      expect(answer.header('payment-required')).toBeUndefined();
    }
  });

  it.each(BAD_BODIES.map((row) => [row.call, row.name, row] as const))('refuses in %s: %s', async (call, _name, row) => {
    const answer = await send(call, row.json.replaceAll('$ID', sandboxId), await goodHeader(context, call));
    const { details } = expectRefusal(answer, { status: 400, code: 'invalid_body' });
    const found = issues.parse(details);
    expect(found.map((issue) => issue.path[0])).toContain(row.field);
    if (row.says !== undefined) expect(found.map(({ message }) => message).join('\n')).toMatch(row.says);
    expect(answer.text.length).toBeLessThan(20_000);
  });

  it.each(UNKNOWN_IDS.map((id) => [JSON.stringify(id).slice(0, 40), id] as const))('knows no sandbox %s', async (_name, id) => {
    for (const call of CALLS.filter((one) => one !== 'create')) {
      const sandbox_id = id.replaceAll('$ID', sandboxId).replaceAll('$id', sandboxId.toLowerCase());
      const body = JSON.stringify({ sandbox_id, command: ['true'] });
      const paid = await send(call, body, await goodHeader(context, call));
      expectRefusal(paid, { status: 404, code: 'sandbox_not_found' });
      // Without payment nobody learns whether a sandbox exists.
      const unpaid = await send(call, body, {});
      expectRefusal(unpaid, { status: 402, code: 'payment_required' });
      expectTerms(unpaid, call);
    }
  });

  it('refuses a payment header that is sent twice', async () => {
    for (const call of CALLS) {
      const twice = [await goodHeader(context, call), await goodHeader(context, call)].flatMap((headers) =>
        Object.entries(headers),
      );
      for (const name of ['PAYMENT-SIGNATURE', 'X-PAYMENT']) {
        const lines = ['Content-Type: application/json', ...twice.map(([, value]) => `${name}: ${value}`)];
        const answer = await sendRaw(stack.gateway.url, { target: path(call), lines, body: goodBody(call) });
        expectRefusal({ ...answer, header: (one) => answer.headers.get(one) }, { status: 400, code: 'invalid_payment_header' });
      }
    }
  });

  it('asks for payment when the payment header is empty or blank', async () => {
    for (const call of CALLS) {
      for (const name of ['PAYMENT-SIGNATURE', 'X-PAYMENT']) {
        for (const value of ['', '   ', '\t']) {
          const answer = await send(call, goodBody(call), { [name]: value });
          expectRefusal(answer, { status: 402, code: 'payment_required' });
          expectTerms(answer, call);
        }
      }
    }
  });

  it('has run nothing, charged nothing and claimed nothing in all of this', async () => {
    expect(await world()).toEqual(before);
    const { rows } = await stack.pool.query('SELECT state, desired_state FROM sandboxes WHERE id = $1', [sandboxId]);
    expect(rows).toEqual([{ state: 'running', desired_state: 'running' }]);
  });

  it('would have noticed: the same payer, the same bodies and a good payment do the work', async () => {
    for (const version of [1, 2] as const) {
      const answer = await stack.post(path('exec'), goodBody('exec'), await goodHeader(context, 'exec', version));
      expect([version, answer.status, answer.body.returncode]).toEqual([version, 200, 0]);
    }
    const after = await world();
    expect(after.payTo - before.payTo).toBe(2_000n);
    expect(before.payer - after.payer).toBe(2_000n);
    expect(after.rows['executions']).toBe('2');
  });
});

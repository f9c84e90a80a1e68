import { createHash } from 'node:crypto';
import { paymentAnswer } from '@tollbox/finance/http/payment-schemas';
import { sandboxAnswer } from '@tollbox/sandboxes/http/admin-schemas';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { StaffRole } from '@tollbox/platform/routes/access.decorators';
import { sumOf, type Purchase } from '../support/e2e/purchases';
import { eventually, PAY_TO, type Answer, type SandboxCall, type Stack } from '../support/e2e/stack';
import { StaffAfterSessions, type Payments, type Sandboxes } from '../support/e2e/staff-after-sessions';

const COMMON_BAD_QUERIES = ['limit=0', 'limit=201', 'limit=1.5', 'limit=ten', 'cursor=garbage', `cursor=${'A'.repeat(201)}`];
const BAD_QUERIES = [
  ...['owner=0x1', 'owner=vitalik.eth', 'state=alive', 'reason=bored', 'provider=docker', 'created_from=yesterday']
    .concat('created_to=2026-13-01', 'state=running&state=failed', COMMON_BAD_QUERIES)
    .map((query) => `/admin/sandboxes?${query}`),
  ...[
    'wallet=0x1',
    'state=paid',
    'from=yesterday',
    'to=2026-13-01',
    'operation=',
    'operation=sandbox.nothing',
    'wallet=0x1&wallet=0x2',
  ]
    .concat(COMMON_BAD_QUERIES)
    .map((query) => `/finance/payments?${query}`),
];
const UUID = '36457d43-0a6d-4615-8c64-2ece148a3fb4';

describe('what staff sees and does, after real paid sessions', () => {
  let staff: StaffAfterSessions;
  let stack: Stack;
  let alice: PrivateKeyAccount;
  let bob: PrivateKeyAccount;
  let tokens: StaffAfterSessions['tokens'];
  let bought: readonly Purchase[];
  let ended: string;
  let running: string;
  let bobs: string;
  let betweenSessions: string;

  beforeAll(async () => {
    staff = await StaffAfterSessions.start();
    ({ stack, alice, bob, tokens, bought, ended, running, bobs, betweenSessions } = staff);
  });
  afterAll(async () => {
    await stack.stop();
  });

  const as = (role: StaffRole): Record<string, string> => staff.as(role);
  const get = (path: string, role: StaffRole): Promise<Answer> => staff.get(path, role);
  const buy = (payer: PrivateKeyAccount, call: SandboxCall, body: object, more = 0n): Promise<Answer> =>
    staff.buy(payer, call, body, more);
  const sandboxes = (parameters: Record<string, string> = {}): Promise<Sandboxes> => staff.sandboxes(parameters);
  const ids = async (parameters: Record<string, string>): Promise<string[]> =>
    (await sandboxes(parameters)).sandboxes.map(({ sandbox_id }) => sandbox_id);
  const payments = (parameters: Record<string, string> = {}): Promise<Payments> => staff.payments(parameters);
  const audited = (action: string): Promise<Record<string, unknown>[]> => staff.audited(action);
  const keyId = (role: StaffRole): Promise<string> => staff.keyId(role);

  it('lists sandboxes newest first, by owner, state, reason, provider and time', async () => {
    expect(await ids({})).toEqual([bobs, running, ended]);
    expect(await ids({ owner: alice.address })).toEqual([running, ended]);
    expect(await ids({ owner: bob.address.toLowerCase(), state: 'running' })).toEqual([bobs]);
    expect(await ids({ state: 'terminated', reason: 'requested' })).toEqual([ended]);
    expect(await ids({ state: 'terminated', reason: 'deadline' })).toEqual([]);
    expect(await ids({ provider: 'modal' })).toEqual([]);
    expect(await ids({ created_from: betweenSessions })).toEqual([bobs, running]);
    expect(await ids({ created_to: betweenSessions, provider: 'container' })).toEqual([ended]);
    expect(await ids({ owner: `0x${'0'.repeat(40)}` })).toEqual([]);
    const [record] = (await sandboxes({ owner: bob.address })).sandboxes;
    expect(record).toMatchObject({ owner: bob.address.toLowerCase(), memory: 512, timeout: 120, cpu: 1, ended_at: null });
  });

  it.each(BAD_QUERIES)('refuses the query %s', async (target) => {
    const answer = await get(target, 'auditor');
    const field = /\?([a-z_]+)=/.exec(target)?.[1];
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_query', details: [{ path: [field] }] } });
  });

  it('refuses a misspelt filter, so that it does not look like all of them', async () => {
    for (const target of ['/finance/payments?walet=0x1', '/admin/sandboxes?ownr=0x1'])
      expect(await get(target, 'auditor')).toMatchObject({ status: 400, body: { code: 'invalid_query' } });
  });

  it('shows a sandbox with its events, executions and payments', async () => {
    const answer = await get(`/admin/sandboxes/${ended}`, 'auditor');
    const detail = sandboxAnswer.parse(answer.body);
    expect(detail.sandbox).toMatchObject({
      sandbox_id: ended,
      owner: alice.address.toLowerCase(),
      state: 'terminated',
      reason: 'requested',
      memory: 256,
    });
    expect(detail.events.filter(({ from_state, to_state }) => to_state !== from_state).map(({ to_state }) => to_state)).toEqual([
      'requested',
      'provisioning',
      'running',
      'terminating',
      'terminated',
    ]);
    expect(detail.executions).toMatchObject([
      {
        argv: ['echo', 'grüße'],
        state: 'finished',
        returncode: 0,
        timed_out: false,
        stdout: { head: 'grüße\n', tail: null, bytes: 8, truncated: false },
      },
      {
        returncode: 7,
        stdout: { head: '', bytes: 0 },
        stderr: { bytes: 5_000, head: 'e'.repeat(1_024), tail: 'e'.repeat(1_024) },
      },
    ]);
    expect(detail.executions[0]!.stdout.sha256).toBe(createHash('sha256').update('grüße\n').digest('hex'));
    expect(detail.executions[1]!.stderr.sha256).toBe(createHash('sha256').update('e'.repeat(5_000)).digest('hex'));
    expect(detail.totals).toMatchObject({ executions: 2 });

    // What staff reads about money is what the buyer was told, for the operations that did work in the sandbox.
    const mine = bought.filter(({ sandboxId }) => sandboxId === ended);
    expect(
      detail.payments.map((payment) => [
        payment.payment_id,
        payment.operation,
        payment.amount_atomic,
        payment.transaction_hash,
        payment.state,
      ]),
    ).toEqual(
      mine.map(({ paymentId, call, amountAtomic, transaction }) => [
        paymentId,
        `sandbox.${call}`,
        amountAtomic.toString(),
        transaction,
        'settled',
      ]),
    );
    const operations = detail.operations.map(({ operation_id }) => operation_id);
    expect(detail.payments.map(({ operation_id }) => operation_id)).toEqual(operations);
  });

  it.each(['sb-0000000000000000000000', 'nonsense', '%00', "'%20OR%201=1", UUID])(
    'knows no sandbox and no payment %s',
    async (id) => {
      expect(await get(`/admin/sandboxes/${id}`, 'operator')).toMatchObject({ status: 404, body: { code: 'not_found' } });
      expect(await get(`/finance/payments/${id}`, 'finance')).toMatchObject({ status: 404, body: { code: 'not_found' } });
    },
  );

  it('sums payments up to what buyers paid and the chain moved', async () => {
    const all = await payments();
    expect(all.payments.map(({ id }) => id)).toEqual(bought.map(({ paymentId }) => paymentId).reverse());
    const expected = {
      count: bought.length,
      amount_atomic: sumOf(bought.map((one) => one.amountAtomic)),
      price_atomic: sumOf(bought.map((one) => one.priceAtomic)),
    };
    expect(all.totals).toEqual({ ...expected, by_state: { settled: expected } });
    expect(await stack.chain.balanceOf(PAY_TO)).toBe(BigInt(all.totals!.by_state['settled']!.amount_atomic));
    expect(Number(all.totals!.amount_atomic) - Number(all.totals!.price_atomic)).toBe(234);
    expect(sumOf(all.payments.map(({ amount_atomic }) => BigInt(amount_atomic)))).toBe(all.totals!.amount_atomic);
  });

  it('finds payments by wallet, state, operation and time, with the totals of what it finds', async () => {
    const of = async (parameters: Record<string, string>, expected: readonly Purchase[]): Promise<void> => {
      const found = await payments({ ...parameters, limit: '2' });
      expect(found.totals!.count).toBe(expected.length);
      expect(found.totals!.amount_atomic).toBe(sumOf(expected.map(({ amountAtomic }) => amountAtomic)));
      expect(found.payments.map(({ id }) => id)).toEqual(
        expected
          .map(({ paymentId }) => paymentId)
          .reverse()
          .slice(0, 2),
      );
    };
    const byAlice = bought.filter(({ payer }) => payer === alice.address.toLowerCase());
    await of({ wallet: alice.address }, byAlice);
    await of({ wallet: bob.address.toLowerCase(), operation: 'sandbox.exec' }, [bought.at(-1)!]);
    await of(
      { operation: 'sandbox.create', state: 'settled' },
      bought.filter(({ call }) => call === 'create'),
    );
    await of({ state: 'failed' }, []);
    await of({ from: betweenSessions }, bought.slice(5));
    await of({ to: betweenSessions, wallet: alice.address }, bought.slice(0, 5));
    await of({ from: betweenSessions, to: betweenSessions }, []);
  });

  it('shows each payment with its history, its transaction and what it bought', async () => {
    for (const one of bought) {
      const answer = await get(`/finance/payments/${one.paymentId}`, 'auditor');
      const payment = paymentAnswer.parse(answer.body);
      expect(payment).toMatchObject({
        ...{
          id: one.paymentId,
          state: 'settled',
          operation: `sandbox.${one.call}`,
          payer: one.payer,
          pay_to: PAY_TO,
          attempt: 1,
        },
        ...{ amount_atomic: one.amountAtomic.toString(), price_atomic: one.priceAtomic.toString(), x402_version: one.version },
        ...{ transaction_hash: one.transaction, method: 'POST', path: `/api/v1/modal/sandbox/${one.call}`, answer_status: 200 },
        settlement: {
          transaction_hash: one.transaction,
          block_number: payment.block_number,
          gas_used: expect.stringMatching(/^[1-9]\d+$/),
        },
        work: {
          sandbox_id: one.sandboxId,
          execution_id: one.call === 'exec' ? expect.any(String) : null,
        },
      });
      expect(payment.events.map(({ to_state }) => to_state).filter((state) => state !== null)).toEqual([
        'claimed',
        'queued',
        'broadcast',
        'settled',
      ]);
    }
  });

  it('pages payments without losing or repeating one while others are paid', async () => {
    const before = bought.map(({ paymentId }) => paymentId).reverse();
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Payments = await payments({ limit: '3', ...(cursor === null ? {} : { cursor }) });
      seen.push(...page.payments.map(({ id }) => id));
      cursor = page.next_cursor;
      await buy(bob, 'status', { sandbox_id: bobs });
    } while (cursor !== null && seen.length < 100);
    expect(seen).toEqual(before);
  });

  it('pages sandboxes without losing or repeating one while others are created', async () => {
    const before = await ids({});
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Sandboxes = await sandboxes({ limit: '1', ...(cursor === null ? {} : { cursor }) });
      seen.push(...page.sandboxes.map(({ sandbox_id }) => sandbox_id));
      cursor = page.next_cursor;
      if (seen.length === 1) await buy(bob, 'create', {});
    } while (cursor !== null && seen.length < 100);
    expect(seen).toEqual(before);
    expect(await ids({})).toHaveLength(before.length + 1);
  });

  it('ends a sandbox for an operator, whoever owns it, and records who did', async () => {
    const objects = await stack.providerObjects();
    const terminate = (id: string): Promise<Answer> => stack.post(`/admin/sandboxes/${id}/terminate`, '', as('operator'));
    const answer = await terminate(running);
    expect(answer).toMatchObject({
      status: 200,
      body: { sandbox: { sandbox_id: running, state: 'terminated', reason: 'operator' } },
    });
    expect(await stack.providerObjects()).toBe(objects - 1);
    expect(await stack.paid(alice, 'exec', { sandbox_id: running, command: ['true'] })).toMatchObject({
      status: 410,
      body: { code: 'sandbox_gone', charged: false },
    });
    const { body } = await buy(alice, 'status', { sandbox_id: running });
    expect(body).toMatchObject({ status: 'terminated', reason: 'operator' });
    const again = await terminate(running);
    expect(again).toMatchObject({ status: 200, body: { sandbox: { reason: 'operator' } } });
    const unknown = await terminate('sb-0000000000000000000000');
    expect(unknown).toMatchObject({ status: 404, body: { code: 'not_found' } });

    const entry = { actor_kind: 'staff', actor: await keyId('operator'), subject_kind: 'sandbox' };
    expect(await audited('sandbox.terminate')).toEqual([
      {
        ...entry,
        subject: running,
        outcome: 'ok',
        detail: expect.objectContaining({ role: 'operator' }),
        request_id: answer.headers.get('x-request-id'),
      },
      { ...entry, subject: running, outcome: 'ok', detail: expect.anything(), request_id: again.headers.get('x-request-id') },
      {
        ...entry,
        subject: 'sb-0000000000000000000000',
        outcome: 'failed',
        detail: expect.objectContaining({ code: 'not_found' }),
        request_id: unknown.headers.get('x-request-id'),
      },
    ]);
    const { body: detail } = await get(`/admin/sandboxes/${running}`, 'operator');
    expect(
      (detail.events as { to_state: string | null; actor: string }[]).find(({ to_state }) => to_state === 'terminating')!.actor,
    ).toBe(entry.actor);
  });

  it('sells nothing new while draining, keeps what runs usable, and sells again after', async () => {
    const drained = await stack.post('/admin/drain', '', as('operator'));
    expect(drained).toMatchObject({ status: 200, body: { draining: true, drained_by: 'operator' } });
    const earned = await stack.earnedAtomic();
    const rows = (await stack.sandboxes()).length;
    const header = await stack.header(alice, 'create');
    const refused = await stack.post('/api/v1/modal/sandbox/create', {}, header);
    expect(refused).toMatchObject({ status: 503, body: { code: 'draining', charged: false, retryable: true } });
    expect(refused.headers.get('retry-after')).toBe(String(refused.body.retry_after_seconds));
    expect([await stack.earnedAtomic(), (await stack.sandboxes()).length]).toEqual([earned, rows]);
    expect((await stack.get('/health/ready')).body).toMatchObject({ status: 'ready', draining: true });
    expect((await buy(bob, 'exec', { sandbox_id: bobs, command: ['echo', 'still'] })).body).toMatchObject({ stdout: 'still\n' });
    expect((await buy(bob, 'status', { sandbox_id: bobs })).body).toMatchObject({ status: 'running' });

    const undrained = await stack.post('/admin/undrain', '', as('operator'));
    expect(undrained).toMatchObject({ status: 200, body: { draining: false, drained_at: null } });
    // The very payment that was refused is still good.
    expect(await stack.post('/api/v1/modal/sandbox/create', {}, header)).toMatchObject({ status: 200 });
    expect((await stack.earnedAtomic()) - earned).toBe(10_000n + 2_000n);
    const entry = { actor_kind: 'staff', actor: await keyId('operator'), subject_kind: 'installation', outcome: 'ok' };
    expect(await audited('installation.drain')).toMatchObject([{ ...entry, request_id: drained.headers.get('x-request-id') }]);
    expect(await audited('installation.undrain')).toMatchObject([
      { ...entry, request_id: undrained.headers.get('x-request-id') },
    ]);
  });

  it('records refused access: nobody, a stranger, and a key with another role', async () => {
    expect(await audited('staff.access')).toEqual([]);
    expect((await stack.get('/admin/sandboxes')).status).toBe(401);
    expect((await stack.post('/admin/drain', '', as('finance'))).status).toBe(403);
    expect((await get('/finance/payments', 'operator')).status).toBe(403);
    expect((await stack.post(`/admin/sandboxes/${bobs}/terminate`, '', as('auditor'))).status).toBe(403);
    const refused = { outcome: 'refused', subject_kind: 'route' };
    expect(await audited('staff.access')).toMatchObject([
      { ...refused, actor_kind: 'anonymous', actor: 'unknown', subject: 'GET /admin/sandboxes', detail: { reason: 'missing' } },
      {
        ...refused,
        actor_kind: 'staff',
        actor: await keyId('finance'),
        subject: 'POST /admin/drain',
        detail: { reason: 'role' },
      },
      {
        ...refused,
        actor_kind: 'staff',
        actor: await keyId('operator'),
        subject: 'GET /finance/payments',
        detail: { reason: 'role' },
      },
      {
        ...refused,
        actor_kind: 'staff',
        actor: await keyId('auditor'),
        subject: 'POST /admin/sandboxes/:id/terminate',
        detail: { reason: 'role' },
      },
    ]);
    expect(await buy(bob, 'status', { sandbox_id: bobs })).toMatchObject({ body: { status: 'running' } });
  });

  it("records a wallet that reaches for a stranger's sandbox", async () => {
    expect(await stack.paid(alice, 'exec', { sandbox_id: bobs, command: ['id'] })).toMatchObject({ status: 404 });
    const entry = await eventually('it is recorded', async () => {
      const { rows } = await stack.pool.query<Record<string, unknown>>("SELECT * FROM audit_log WHERE actor_kind = 'wallet'");
      return rows[0];
    });
    expect(entry).toMatchObject({ actor: alice.address.toLowerCase(), outcome: 'refused', subject: bobs });
  });

  it('holds no key in what it records, and lets nobody change it', async () => {
    const { rows } = await stack.pool.query<{ text: string }>(
      'SELECT string_agg(audit_log::text, chr(10)) AS text FROM audit_log',
    );
    for (const token of Object.values(tokens)) expect(rows[0]!.text).not.toContain(token.slice(3));
    for (const statement of ["UPDATE audit_log SET outcome = 'ok'", 'DELETE FROM audit_log', 'TRUNCATE audit_log'])
      await expect(stack.pool.query(statement)).rejects.toThrow(/append-only|history/i);
    expect(stack.gateway.log).not.toMatch(new RegExp(Object.values(tokens).join('|')));
  });

  it('agrees with the buyers and the chain to the last unit after all of this', async () => {
    const { totals } = await payments({ state: 'settled' });
    expect(totals!.amount_atomic).toBe(sumOf(bought.map(({ amountAtomic }) => amountAtomic).concat(10_000n)));
    expect(await stack.chain.balanceOf(PAY_TO)).toBe(BigInt(totals!.amount_atomic));
    expect((await payments()).totals!.count).toBe(totals!.count);
  });
});

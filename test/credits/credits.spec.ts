import { randomUUID } from 'node:crypto';
import type { PrivateKeyAccount } from 'viem/accounts';
import { CreditsWorld, newToken } from '../support/credits/world';

const CREATE = '/api/v1/modal/sandbox/create';
const EXEC = '/api/v1/modal/sandbox/exec';
const STATUS = '/api/v1/modal/sandbox/status';

describe('prepaid credits', () => {
  let world: CreditsWorld;
  let buyer: PrivateKeyAccount;
  beforeAll(async () => {
    world = await CreditsWorld.start();
    buyer = await world.payer();
  });
  afterEach(async () => {
    const { journal, balances, statements, held } = await world.sums();
    expect({ balances, statements, held }).toEqual({ balances: journal, statements: journal, held: '0' });
  });
  afterAll(() => world.stop());

  const sandboxOf = async (token: string): Promise<string> => {
    const created = await world.spend(token, CREATE, {});
    expect([created.status, created.body]).toEqual([200, expect.objectContaining({ sandbox_id: expect.any(String) })]);
    return created.body['sandbox_id'] as string;
  };

  it('cost the amount asked for, within bounds, and are confirmed', async () => {
    const { sha256 } = newToken();
    const unpaid = await world.post('/v1/credits', { amount: '250000', token_sha256: sha256 });
    expect(unpaid.status).toBe(402);
    expect((unpaid.body['accepts'] as { maxAmountRequired: string }[])[0]!.maxAmountRequired).toBe('250000');
    for (const amount of ['9999', '1000000001', '0', '-1', '1.5', 250_000])
      expect((await world.post('/v1/credits', { amount, token_sha256: sha256 })).status).toBe(400);
    for (const token_sha256 of [sha256.toUpperCase(), sha256.slice(1), undefined])
      expect((await world.post('/v1/credits', { amount: '250000', token_sha256 })).status).toBe(400);

    const { answer } = await world.topUp(buyer, 250_000n);
    expect(answer.status).toBe(200);
    expect(answer.headers['x-payment-receipt']).toMatch(/^0x[0-9a-f]{64}$/);
    expect(answer.body).toEqual({ wallet: buyer.address.toLowerCase(), amount: '250000', token_sha256: expect.any(String) });
  });

  it('pay any priced call, and what is bought belongs to the wallet on both rails', async () => {
    const { token } = await world.topUp(buyer, 100_000n);
    const before = BigInt((await world.account(buyer.address))!.balance);
    const sandbox = await sandboxOf(token);
    const exec = await world.spend(token, EXEC, { sandbox_id: sandbox, command: ['echo', 'hi'] });
    expect([exec.status, exec.body]).toEqual([200, expect.objectContaining({ stdout: 'hi\n', returncode: 0 })]);
    expect(exec.headers['x-payment-id']).toEqual(expect.any(String));
    expect(exec.headers).not.toHaveProperty('payment-response');
    expect(exec.headers).not.toHaveProperty('x-payment-receipt');
    expect((await world.pay(buyer, STATUS, { sandbox_id: sandbox }, 1_000n)).status).toBe(200);
    expect(BigInt((await world.account(buyer.address))!.balance)).toBe(before - 11_000n);
    const paid = await world.signedIn(buyer, `/v1/payments/${String(exec.headers['x-payment-id'])}`);
    expect(paid.body).toMatchObject({ state: 'settled', charged: true, rail: 'credit', transaction_hash: null, receipt: null });

    const stranger = await world.topUp(await world.payer(), 100_000n);
    expect((await world.spend(stranger.token, STATUS, { sandbox_id: sandbox })).status).toBe(404);
  });

  it('need an Idempotency-Key, and one key is one call', async () => {
    const { token } = await world.topUp(buyer, 100_000n);
    for (const key of ['', 'x'.repeat(129), 'a b'])
      expect(await world.spend(token, CREATE, {}, key)).toMatchObject({
        status: 400,
        body: { code: 'idempotency_key_required' },
      });
    const key = randomUUID();
    const before = BigInt((await world.account(buyer.address))!.balance);
    const twins = await Promise.all([1, 2, 3].map(() => world.spend(token, CREATE, {}, key)));
    const again = await world.spend(token, CREATE, {}, key);
    expect(new Set([...twins, again].map(({ status, body }) => `${status} ${String(body['sandbox_id'])}`)).size).toBe(1);
    expect(again.status).toBe(200);
    expect(BigInt((await world.account(buyer.address))!.balance)).toBe(before - 10_000n);
    const other = await world.spend(token, CREATE, { timeout: 60 }, key);
    expect([other.status, other.body['code'], other.body['charged']]).toEqual([409, 'idempotency_key_reused', true]);
    const stranger = await world.topUp(await world.payer(), 100_000n);
    const strangers = await world.spend(stranger.token, CREATE, {}, key);
    expect(strangers.status).toBe(200);
    expect(strangers.body['sandbox_id']).not.toBe(again.body['sandbox_id']);
  });

  it('are not charged for what was not done', async () => {
    const { token } = await world.topUp(buyer, 100_000n);
    const before = await world.account(buyer.address);
    expect((await world.spend(token, EXEC, { sandbox_id: 'sb-unknown', command: ['x'] })).status).toBe(404);
    expect((await world.spend(token, EXEC, { sandbox_id: 'sb-unknown' })).status).toBe(400);
    expect(await world.account(buyer.address)).toEqual(before);
  });

  it('are never overdrawn by 50 calls at once', async () => {
    const owner = await world.payer();
    const { token } = await world.topUp(owner, 20_000n);
    const sandbox = await sandboxOf(token);
    const answers = await Promise.all(Array.from({ length: 50 }, () => world.spend(token, STATUS, { sandbox_id: sandbox })));
    const codes = answers.map(({ status }) => status);
    expect(codes.filter((code) => code === 200)).toHaveLength(10);
    expect(codes.filter((code) => code === 402)).toHaveLength(40);
    expect(answers.find(({ status }) => status === 402)!.body).toMatchObject({
      code: 'insufficient_credits',
      charged: false,
      accepts: [expect.objectContaining({ maxAmountRequired: '1000' })],
    });
    expect(await world.account(owner.address)).toEqual({ balance: '0', held: '0', debt: '0' });
    expect((await world.pay(owner, STATUS, { sandbox_id: sandbox }, 1_000n)).status).toBe(200);
  });

  it('are shown to their wallet with a statement that can be walked', async () => {
    const owner = await world.payer();
    const { token, sha256 } = await world.topUp(owner, 50_000n);
    const sandbox = await sandboxOf(token);
    await world.spend(token, STATUS, { sandbox_id: sandbox });
    await world.spend(token, STATUS, { sandbox_id: sandbox });
    const byToken = await world.app.inject({ url: '/v1/credits', headers: { authorization: `Bearer ${token}` } });
    const signedIn = await world.signedIn(owner, '/v1/credits');
    expect(signedIn.status).toBe(200);
    expect(byToken.json()).toEqual(signedIn.body);
    expect(signedIn.body).toMatchObject({
      wallet: owner.address.toLowerCase(),
      usable_atomic: '38000',
      balance_atomic: '38000',
      held_atomic: '0',
      pending_atomic: '0',
      debt_atomic: '0',
      tokens: [{ token_sha256: sha256, revoked_at: null }],
      next_cursor: null,
    });
    const lines: Record<string, unknown>[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await world.signedIn(owner, `/v1/credits?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
      lines.push(...(page.body['statement'] as Record<string, unknown>[]));
      cursor = page.body['next_cursor'] as string | null;
    }
    expect(lines).toEqual(signedIn.body['statement']);
    expect(lines.map((line) => [line['operation'], line['amount_atomic'], line['balance_after_atomic']])).toEqual([
      ['sandbox.status', '-1000', '38000'],
      ['sandbox.status', '-1000', '39000'],
      ['sandbox.create', '-10000', '40000'],
      ['credits.topup', '50000', '50000'],
    ]);
    expect((await world.signedIn(owner, '/v1/credits?cursor=x')).status).toBe(400);
    expect((await world.signedIn(await world.payer(), '/v1/credits')).body).toMatchObject({ balance_atomic: '0', statement: [] });
  });

  it('stop with a revoked token and go on with another one', async () => {
    const owner = await world.payer();
    const first = await world.topUp(owner, 50_000n);
    const second = await world.topUp(owner, 50_000n);
    const stranger = await world.payer();
    const path = `/v1/credits/tokens/${first.sha256}`;
    expect((await world.signedIn(stranger, path, 'DELETE')).status).toBe(404);
    expect((await world.signedIn(owner, '/v1/credits/tokens/nonsense', 'DELETE')).status).toBe(404);
    const revoked = await world.signedIn(owner, path, 'DELETE');
    expect([revoked.status, revoked.body['revoked_at']]).toEqual([200, expect.any(String)]);
    expect((await world.signedIn(owner, path, 'DELETE')).body).toEqual(revoked.body);
    expect(await world.spend(first.token, CREATE, {})).toMatchObject({ status: 401, body: { code: 'credit_token_rejected' } });
    expect((await world.app.inject({ url: '/v1/credits', headers: { authorization: `Bearer ${first.token}` } })).statusCode).toBe(
      401,
    );
    expect((await world.spend(second.token, CREATE, {})).status).toBe(200);
    expect(await world.account(owner.address)).toMatchObject({ balance: '90000' });
    expect(await world.spend(newToken().token, CREATE, {})).toMatchObject({ status: 401 });

    for (const [payer, made] of [
      [owner, first],
      [stranger, second],
    ] as const) {
      const taken = await world.topUp(payer, 50_000n, made);
      expect(taken.answer).toMatchObject({ status: 409, body: { code: 'credit_token_taken', charged: false } });
    }
    expect((await world.topUp(owner, 10_000n, second)).answer.status).toBe(200);
    expect(await world.account(owner.address)).toMatchObject({ balance: '100000' });
  });

  it('get what is paid above a price under x402 v1', async () => {
    const owner = await world.payer();
    expect((await world.pay(owner, CREATE, {}, 12_500n, 1)).status).toBe(200);
    expect((await world.signedIn(owner, '/v1/credits')).body).toMatchObject({ usable_atomic: '2500', pending_atomic: '0' });
  });

  it('cannot be bought with credits', async () => {
    const { token, sha256 } = await world.topUp(buyer, 100_000n);
    expect((await world.spend(token, '/v1/credits', { amount: '10000', token_sha256: sha256 })).status).toBe(402);
  });

  it('can be used once their payment has settled, and not before', async () => {
    const owner = await world.payer();
    await world.stopWorker();
    const made = newToken();
    const pending = world.topUp(owner, 50_000n, made);
    while ((await world.account(owner.address)) === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await world.spend(made.token, CREATE, {})).toMatchObject({ status: 402, body: { code: 'insufficient_credits' } });
    const shown = await world.app.inject({ url: '/v1/credits', headers: { authorization: `Bearer ${made.token}` } });
    expect(shown.json()).toMatchObject({ usable_atomic: '0', pending_atomic: '50000', balance_atomic: '50000' });
    await world.startWorker();
    expect((await pending).answer.status).toBe(200);
    expect((await world.spend(made.token, CREATE, {})).status).toBe(200);
  });
});

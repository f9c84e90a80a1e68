import { randomUUID } from 'node:crypto';
import type { ErrorCode } from '@tollbox/platform/errors/registry';
import { REFUND_TRANSITIONS } from '@tollbox/refunds/domain/refund';
import { refuseSharedRefundKey } from '@tollbox/refunds/infrastructure/refuse-shared-key';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { privateKeyToAccount } from 'viem/accounts';
import { REFUND_KEY, RefundWorld, staffKey } from '../support/refunds/world';

let world: RefundWorld;
beforeAll(async () => {
  world = await RefundWorld.start({ REFUND_LIMIT_PER_PAYMENT_ATOMIC: '1000', REFUND_LIMIT_PER_DAY_ATOMIC: '5000' });
});
afterEach(async () => {
  // The limit of a day looks at all refunds: each test has its own day.
  await world.pool.query(`UPDATE refunds SET state = 'rejected' WHERE state IN ('requested', 'queued')`);
});
afterAll(() => world.stop());

const WALLET = privateKeyToAccount(devPrivateKey(1)).address.toLowerCase();
const refused = (code: ErrorCode) => expect.objectContaining({ code }) as unknown;

describe('a request for a refund', () => {
  it('within the limits is approved at once, owed in the books and in the audit log', async () => {
    const actor = staffKey();
    const refund = await world.request(await world.payment(WALLET), 1_000n, {}, actor);
    expect(refund).toMatchObject({
      state: 'queued',
      wallet: WALLET,
      amount_atomic: '1000',
      needs_second_key: false,
      approved_by: null,
      requested_by: actor.keyId,
    });
    expect(refund.events.map(({ kind }) => kind)).toEqual(['requested', 'approved']);
    expect(await world.books(refund.id)).toEqual({ refunds: 1_000n, refunds_due: -1_000n });
    const { rows } = await world.pool.query(`SELECT action, actor FROM audit_log WHERE subject = $1 ORDER BY id`, [refund.id]);
    expect(rows).toEqual([
      { action: 'refund.requested', actor: actor.keyId },
      { action: 'refund.approved', actor: actor.keyId },
    ]);
  });

  it('above the limit of a payment waits for another key than the one that asked', async () => {
    const [requester, other] = [staffKey(), staffKey()];
    const payment = await world.payment(WALLET);
    await world.request(payment, 600n, {}, requester);
    const refund = await world.request(payment, 401n, {}, requester);
    expect(refund).toMatchObject({ state: 'requested', needs_second_key: true });
    expect(await world.books(refund.id)).toEqual({});
    await expect(world.refunds.approve(refund.id, requester)).rejects.toMatchObject({
      code: 'second_key_required',
      suggestion: expect.stringContaining(`${refund.id}/approve with a finance key`) as string,
    });
    expect(await world.refunds.approve(refund.id, other)).toMatchObject({ state: 'queued', approved_by: other.keyId });
  });

  it('above the limit of a day waits too, whichever payments it was for', async () => {
    const states: string[] = [];
    for (let index = 0; index < 6; index += 1) states.push((await world.request(await world.payment(WALLET), 1_000n)).state);
    expect(states).toEqual(['queued', 'queued', 'queued', 'queued', 'queued', 'requested']);
  });

  it('is approved once, however many approve it', async () => {
    const refund = await world.request(await world.payment(WALLET), 1_001n);
    const settled = await Promise.allSettled([1, 2, 3, 4].map(() => world.refunds.approve(refund.id, staffKey())));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(world.refunds.approve(refund.id, staffKey())).rejects.toEqual(refused('conflict'));
    expect(await world.books(refund.id)).toEqual({ refunds: 1_001n, refunds_due: -1_001n });
  });

  it('is never for more than was paid, also when many ask at once', async () => {
    const payment = await world.payment(WALLET, 1_000n);
    const settled = await Promise.allSettled(Array.from({ length: 8 }, () => world.request(payment, 300n)));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(settled.find(({ status }) => status === 'rejected')).toMatchObject({ reason: refused('refund_not_possible') });
    await expect(world.request(payment, 101n)).rejects.toEqual(refused('refund_not_possible'));
    expect((await world.request(payment, 100n)).state).toBe('queued');
  });

  it('that was rejected leaves its amount to others', async () => {
    const payment = await world.payment(WALLET, 1_000n);
    const refund = await world.request(payment, 1_000n);
    const actor = staffKey();
    expect(await world.refunds.reject(refund.id, 'wrong payment', actor)).toMatchObject({
      state: 'rejected',
      rejected_by: actor.keyId,
      rejection_reason: 'wrong payment',
    });
    expect(await world.books(refund.id)).toEqual({ refunds: 0n, refunds_due: 0n });
    await expect(world.refunds.reject(refund.id, 'again', actor)).rejects.toEqual(refused('conflict'));
    expect((await world.request(payment, 1_000n)).state).toBe('queued');
  });

  it('as credit is paid at once, into the credit account of the wallet', async () => {
    const wallet = privateKeyToAccount(devPrivateKey(2)).address.toLowerCase();
    const refund = await world.request(await world.payment(wallet), 900n, { kind: 'credit' });
    expect(refund).toMatchObject({ state: 'paid', transaction_hash: null });
    expect(await world.books(refund.id)).toEqual({ refunds: 900n, refunds_due: 0n, credits: -900n });
    const { rows } = await world.pool.query('SELECT balance_atomic FROM credit_accounts WHERE wallet = $1', [wallet]);
    expect(rows).toEqual([{ balance_atomic: '900' }]);
  });

  it.each([
    ['a payment that is not settled', { state: 'queued' }],
    ['a top-up of credits', { operation: 'credits.topup' }],
  ])('is not for %s', async (_, change) => {
    await expect(world.request(await world.payment(WALLET, 1_000n, change), 1n)).rejects.toEqual(refused('refund_not_possible'));
  });

  it('is not for a payment that does not exist', async () => {
    await expect(world.request(randomUUID(), 1n)).rejects.toEqual(refused('not_found'));
  });

  it('repeated under one idempotency key is one refund; another request under it is refused', async () => {
    const actor = staffKey();
    const payment = await world.payment(WALLET);
    const ask = (amount: bigint) => world.request(payment, amount, { idempotencyKey: 'ticket-4711' }, actor);
    const ids = await Promise.all([ask(10n), ask(10n), ask(10n)]);
    expect(new Set(ids.map(({ id }) => id)).size).toBe(1);
    await expect(ask(11n)).rejects.toEqual(refused('conflict'));
  });
});

describe('the database', () => {
  it('knows the same changes of a refund as the domain', async () => {
    const { rows } = await world.pool.query<{ body: string }>(
      `SELECT prosrc AS body FROM pg_proc WHERE proname = 'refunds_guard'`,
    );
    const inDatabase = [...(rows[0]?.body ?? '').matchAll(/'(\w+)>(\w+)'/g)].map(([, from, to]) => `${from}>${to}`);
    const inDomain = Object.entries(REFUND_TRANSITIONS).flatMap(([from, to]) => to.map((state) => `${from}>${state}`));
    expect(inDatabase.sort()).toEqual(inDomain.sort());
  });

  it.each([
    [
      'more than was paid',
      `INSERT INTO refunds (id, payment_id, operation_id, network, asset, wallet, amount_atomic, kind, reason, state, needs_second_key, requested_by)
       SELECT gen_random_uuid(), id, operation_id, network, asset, payer, price_atomic + 1, 'onchain', 'x', 'requested', false, gen_random_uuid() FROM payments WHERE id = $1`,
    ],
    [
      'another wallet than the payer',
      `INSERT INTO refunds (id, payment_id, operation_id, network, asset, wallet, amount_atomic, kind, reason, state, needs_second_key, requested_by)
       SELECT gen_random_uuid(), id, operation_id, network, asset, '0x00', 1, 'onchain', 'x', 'requested', false, gen_random_uuid() FROM payments WHERE id = $1`,
    ],
    [
      'an approval by the key that asked',
      `UPDATE refunds SET approved_by = requested_by, approved_at = now(), state = 'queued' WHERE payment_id = $1`,
    ],
    ['a state out of order', `UPDATE refunds SET state = 'failed', approved_at = now() WHERE payment_id = $1`],
    ['another amount', `UPDATE refunds SET amount_atomic = 1 WHERE payment_id = $1`],
    ['a removal', 'DELETE FROM refunds WHERE payment_id = $1'],
  ])('refuses %s', async (_, statement) => {
    const payment = await world.payment(WALLET, 10_000n);
    await world.request(payment, 1_001n);
    await expect(world.owner.query(statement, [payment])).rejects.toMatchObject({ code: '23514' });
  });
});

describe('the key of the refund wallet', () => {
  const config = {
    PAY_TO: addressOf(8),
    REFUND_PRIVATE_KEY: REFUND_KEY,
    SETTLEMENT_PRIVATE_KEY: [devPrivateKey(0)],
    SETTLEMENT_WALLETS: [],
  };

  it('is neither that of the takings nor one that settles', () => {
    expect(() => refuseSharedRefundKey(config)).not.toThrow();
    expect(() => refuseSharedRefundKey({ ...config, PAY_TO: addressOf(7) })).toThrow('PAY_TO');
    expect(() => refuseSharedRefundKey({ ...config, SETTLEMENT_PRIVATE_KEY: [devPrivateKey(0), REFUND_KEY] })).toThrow(
      'settlement',
    );
    expect(() => refuseSharedRefundKey({ ...config, SETTLEMENT_WALLETS: [addressOf(7)] })).toThrow('settlement');
  });
});

function addressOf(index: number): `0x${string}` {
  return privateKeyToAccount(devPrivateKey(index)).address.toLowerCase() as `0x${string}`;
}

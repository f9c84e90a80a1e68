import { REFUND_KINDS } from '@tollbox/refunds/domain/refund';
import { newHolder, reconciler } from '../support/reconciliation/reconciler';
import { SeededPayments, PAY_TO, type SeededPayment } from '../support/reconciliation/seeded-payments';
import { RefundWorld, staffKey } from '../support/refunds/world';

let world: RefundWorld;
let seed: SeededPayments;
beforeAll(async () => {
  world = await RefundWorld.start();
  seed = new SeededPayments(world.pool, world.chain);
  await world.chain.mint(seed.payer.address, 1_000_000n);
  await reconcile(); // the chain is read from here on
});
afterAll(() => world.stop());

const reconcile = () => reconciler(world.pool, { rpcUrl: world.chain.rpcUrl, payTo: PAY_TO, graceMs: 0 }).run(newHolder());
const refusal = { code: 'refund_not_possible' };

/** A payment that was not charged, and whose authorization somebody put on the chain all the same. */
async function moneyOnVoid(amountAtomic = 3_000n): Promise<SeededPayment> {
  const payment = await seed.claim({}, amountAtomic);
  await seed.void(payment);
  await seed.submit(payment);
  await reconcile();
  return payment;
}

/** What the books owe to this wallet, over everything. */
async function dueOf(payment: SeededPayment): Promise<bigint> {
  const { rows } = await world.pool.query<{ due: string }>(
    `SELECT coalesce(sum(CASE WHEN c.code = 'refunds_due' THEN amount ELSE -amount END), 0)::text AS due FROM journal
       JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account
     WHERE 'refunds_due' IN (d.code, c.code) AND subject IN (
       SELECT id FROM chain_receipts WHERE payment_id = $1 UNION ALL SELECT id FROM refunds WHERE payment_id = $1)`,
    [payment.id],
  );
  return BigInt(rows[0]?.due ?? 0);
}

describe('money that came on a void', () => {
  it('is paid out to its payer against what is due, once', async () => {
    const payment = await moneyOnVoid();
    expect(await dueOf(payment)).toBe(3_000n);
    const before = await world.balance(seed.payer.address);
    const attempts = await Promise.allSettled([2_000n, 2_000n].map((amount) => world.request(payment.id, amount)));
    expect(attempts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await expect(world.request(payment.id, 1_001n)).rejects.toMatchObject(refusal);
    const rest = await world.request(payment.id, 1_000n);
    expect(rest).toMatchObject({ state: 'queued', owed_already: true, wallet: seed.payer.address.toLowerCase() });
    expect(await world.books(rest.id)).toEqual({}); // owed already: approval moves nothing
    await world.fund(3_000n);
    const worker = world.worker();
    await worker.pass();
    await worker.pass();
    expect(await world.refunds.show(rest.id)).toMatchObject({ state: 'paid' });
    expect(await world.books(rest.id)).toEqual({ refunds_due: 1_000n, refund_float: -1_000n });
    expect(await dueOf(payment)).toBe(0n);
    expect((await world.balance(seed.payer.address)) - before).toBe(3_000n);
    await expect(world.request(payment.id, 1n)).rejects.toMatchObject(refusal);
  });

  it('can be given as credit, and stays due when the refund is rejected', async () => {
    const payment = await moneyOnVoid();
    const rejected = await world.request(payment.id, 3_000n);
    await world.refunds.reject(rejected.id, 'rather as credit', staffKey());
    expect(await world.books(rejected.id)).toEqual({});
    expect(await dueOf(payment)).toBe(3_000n);
    const credit = await world.request(payment.id, 3_000n, { kind: 'credit' });
    expect(credit.state).toBe('paid');
    expect(await world.books(credit.id)).toEqual({ refunds_due: 3_000n, credits: -3_000n });
    expect(await dueOf(payment)).toBe(0n);
  });

  it('is not there before it came, nor when its block is lost before it is paid out', async () => {
    const nothing = await seed.claim();
    await seed.void(nothing);
    for (const kind of REFUND_KINDS) await expect(world.request(nothing.id, 1n, { kind })).rejects.toMatchObject(refusal);

    const snapshot = await world.chain.rpc('evm_snapshot');
    const payment = await moneyOnVoid();
    const refund = await world.request(payment.id, 3_000n);
    await world.chain.rpc('evm_revert', [snapshot]);
    await world.mine(5);
    await reconcile();
    expect(await dueOf(payment)).toBe(0n);
    await world.fund(3_000n);
    const worker = world.worker();
    await worker.pass();
    expect(await world.refunds.show(refund.id)).toMatchObject({
      state: 'queued',
      waiting_reason: expect.stringContaining('the money is not there any more') as unknown,
    });
    await world.refunds.reject(refund.id, 'its block was lost', staffKey());
  });

  it('is judged by the database too: nobody else, nothing more, and no revenue under this name', async () => {
    const payment = await moneyOnVoid();
    const settled = await world.payment(seed.payer.address);
    const insert = (paymentId: string, amount: number) =>
      world.pool.query(
        `INSERT INTO refunds (id, payment_id, operation_id, network, asset, wallet, amount_atomic, kind, reason, state, needs_second_key, owed_already, requested_by)
         SELECT gen_random_uuid(), id, operation_id, network, asset, payer, $2, 'onchain', 'by hand', 'requested', false, true, gen_random_uuid()
         FROM payments WHERE id = $1`,
        [paymentId, amount],
      );
    await expect(insert(payment.id, 3_001)).rejects.toThrow('more than was paid');
    await expect(insert(settled, 1)).rejects.toThrow('is revenue until it is given back');
  });
});

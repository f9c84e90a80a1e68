import type { Pool } from 'pg';
import type { Chain } from '@tollbox/devstack/chain';
import { bookingsOf, expectCleanBooks } from '../support/reconciliation/clean-books';
import { PAY_TO, SeededPayments } from '../support/reconciliation/seeded-payments';
import { ReconciliationWorld } from '../support/reconciliation/world';

interface ItemRow {
  class: string;
  state: string;
  subject: string;
  expected: string | null;
  actual: string | null;
  resolution: string | null;
}

describe('reconciliation', () => {
  let world: ReconciliationWorld;
  let chain: Chain;
  let pool: Pool;
  let seed: SeededPayments;

  beforeAll(async () => {
    chain = await ReconciliationWorld.chainWith(7_000_000n);
  });
  afterAll(() => chain.stop());

  beforeEach(async () => {
    world = await ReconciliationWorld.start(chain);
    ({ pool, seed } = world);
  });
  afterEach(() => world.stop());

  const run = (graceMs = 0) => world.run({ graceMs });
  const items = async (): Promise<ItemRow[]> =>
    (
      await pool.query<ItemRow>(
        'SELECT class, state, subject, expected, actual, resolution FROM reconciliation_items ORDER BY id',
      )
    ).rows;
  const open = async () => (await items()).filter(({ state }) => state === 'open').map((item) => item.class);
  const balance = async (code: string): Promise<string> => {
    const { rows } = await pool.query<{ balance: string }>(
      `SELECT coalesce(sum(CASE WHEN debit_account = a.id THEN amount ELSE -amount END), 0)::text AS balance
       FROM ledger_accounts a JOIN journal ON a.id IN (debit_account, credit_account) WHERE a.code = $1`,
      [code],
    );
    return rows[0]?.balance ?? '0';
  };
  const receiptOf = async (transactionHash: string) => {
    const { rows } = await pool.query<{ id: string; state: string; round: number }>(
      `SELECT id, state, round FROM chain_receipts WHERE transaction_hash = $1 ORDER BY id DESC`,
      [transactionHash],
    );
    if (rows[0] === undefined) throw new Error('no receipt');
    return rows[0];
  };

  it('opens the books with what payTo held, and agrees with a month of payments', async () => {
    const before = await chain.balanceOf(PAY_TO);
    for (let index = 0; index < 5; index++) await seed.settled(1_000n + BigInt(index));
    const outcome = await run();
    expect(outcome).toMatchObject({
      kind: 'done',
      open: {},
      result: { counts: { transfers: 5, payments: 5, receipts_booked: 0 } },
    });
    expect(await balance('treasury')).toBe((await chain.balanceOf(PAY_TO)).toString());
    expect(await balance('owner')).toBe((-before).toString());
    // Again: nothing is read twice and nothing booked twice.
    expect(await run()).toMatchObject({ kind: 'done', result: { counts: { transfers: 0, payments: 5, receipts_booked: 0 } } });
    await expectCleanBooks(pool, world.on());
  });

  it('waits for a payment that is on its way, and tells when it waits too long', async () => {
    await run();
    const payment = await seed.claim();
    await seed.queue(payment);
    await seed.broadcast(payment);
    const inclusion = await seed.submit(payment);
    await run(60_000);
    expect(await items()).toEqual([]);
    await run();
    expect(await open()).toEqual(['unsettled_receipt']);
    await seed.settle(payment, inclusion);
    await run();
    expect(await items()).toMatchObject([{ class: 'unsettled_receipt', state: 'resolved', resolution: 'gone' }]);
    expect(await receiptOf(inclusion.transactionHash)).toMatchObject({ state: 'explained' });
  });

  it('books a plain transfer as unmatched, once', async () => {
    await run();
    const { transactionHash } = await seed.transfer(seed.payer.address, PAY_TO, 333n);
    await run();
    await run();
    const receipt = await receiptOf(transactionHash);
    expect(await bookingsOf(pool, receipt.id)).toEqual(['unmatched 1: treasury <- unmatched_receipts 333']);
    expect(await items()).toMatchObject([{ class: 'unmatched_receipt', subject: receipt.id, actual: '333', state: 'open' }]);
  });

  it('owes back what comes on a void, and takes that back when the payment is settled after all', async () => {
    await run();
    const payment = await seed.claim();
    await seed.void(payment);
    const inclusion = await seed.submit(payment);
    await run();
    const { id } = await receiptOf(inclusion.transactionHash);
    expect(await bookingsOf(pool, id)).toEqual(['refund_due 1: treasury <- refunds_due 1000']);
    expect(await open()).toEqual(['money_on_void']);

    await pool.query(`UPDATE payments SET void_retryable = true WHERE id = $1`, [payment.id]);
    await pool.query(`UPDATE payments SET state = 'claimed', attempt = 2 WHERE id = $1`, [payment.id]);
    await seed.queue(payment);
    await seed.broadcast(payment);
    await seed.settle(payment, inclusion);
    await expectCleanBooks(pool, world.on());
    expect(await bookingsOf(pool, id)).toEqual([
      'refund_due 1: treasury <- refunds_due 1000',
      'unbooked 1: refunds_due <- treasury 1000',
    ]);
    expect(await receiptOf(inclusion.transactionHash)).toMatchObject({ state: 'explained', round: 2 });
  });

  it('pays a debt, owes back what was not charged, and recovers a loss when money comes late', async () => {
    await run();
    const [debt, refused, late] = [
      await seed.claim({ settlementMode: 'optimistic' }),
      await seed.claim(),
      await seed.claim({ settlementMode: 'optimistic' }, 1_200n),
    ];
    for (const payment of [debt, refused, late]) {
      await seed.queue(payment);
      await seed.broadcast(payment);
    }
    await seed.fail(debt);
    await seed.fail(refused);
    await seed.expire(late);
    await expectCleanBooks(pool, world.on());
    for (const payment of [debt, refused, late]) await seed.submit(payment);
    await run();
    expect((await bookingsOf(pool, debt.id)).at(-1)).toBe('debt_paid 1: treasury <- customer_debt 1000');
    expect(await balance('customer_debt')).toBe('0');
    expect(await balance('refunds_due')).toBe('-1200'); // what was not charged, and the excess of the late one
    expect(await balance('recovered')).toBe('-1000');
    expect(await balance('expired_losses')).toBe('1000');
    await expectCleanBooks(pool, world.on(), [{ class: 'money_on_void', expected: null }]);
    expect((await items()).map((item) => [item.class, item.state, item.resolution]).sort()).toEqual([
      ['late_money', 'resolved', 'debt_paid'],
      ['late_money', 'resolved', 'recovered'],
      ['money_on_void', 'open', null],
    ]);
  });

  it("books the owner's moves out of payTo", async () => {
    await run();
    const { transactionHash } = await seed.transfer(PAY_TO, seed.payer.address, 50n);
    await run();
    const { id } = await receiptOf(transactionHash);
    expect(await bookingsOf(pool, id)).toEqual(['owner_move 1: owner <- treasury 50']);
    expect(await open()).toEqual(['owner_move']);
  });

  it('tells of a settled payment without its transfer, of postings that do not fit, and forgets both when they are gone', async () => {
    await run();
    const payment = await seed.claim();
    await seed.queue(payment);
    await seed.broadcast(payment);
    await chain.mine();
    const head = (await chain.rpc('eth_getBlockByNumber', ['latest', false])) as { number: string; hash: `0x${string}` };
    const nowhere = {
      transactionHash: `0x${'ab'.repeat(32)}` as const,
      blockNumber: BigInt(head.number).toString(),
      blockHash: head.hash,
    };
    await seed.settle(payment, nowhere);
    await seed.claim();
    const wrong = await seed.claim();
    await pool.query(`UPDATE payments SET state = 'queued', answer_status = 200, answer_expires_at = now() WHERE id = $1`, [
      wrong.id,
    ]);
    await run();
    expect((await items()).map((item) => [item.class, item.subject, item.expected, item.actual])).toEqual(
      expect.arrayContaining([
        ['missing_transfer', payment.id, expect.stringContaining('1000 in 0xabab'), null],
        ['payment_books', wrong.id, 'authorized 1000, revenue 1000', 'nothing'],
      ]),
    );
    const again = await seed.requeue(payment);
    await seed.broadcast(again);
    await seed.settle(again, await seed.submit(payment));
    await run();
    expect(await open()).toEqual(['payment_books']);
  });
});

import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import type { Chain } from '@tollbox/devstack/chain';
import { signAuthorization } from '../support/payments/sign';
import { bookingsOf } from '../support/reconciliation/clean-books';
import { NETWORK, PAY_TO, SeededPayments, type Inclusion, type SeededPayment } from '../support/reconciliation/seeded-payments';
import { ReconciliationWorld } from '../support/reconciliation/world';

/** A payer signs as many authorizations with one nonce as he likes, and submits the one that he likes. */
describe('money that came on the nonce of a payment and is not that payment', () => {
  let world: ReconciliationWorld;
  let chain: Chain;
  let pool: Pool;
  let seed: SeededPayments;

  beforeAll(async () => {
    chain = await ReconciliationWorld.chainWith();
  });
  afterAll(() => chain.stop());

  beforeEach(async () => {
    world = await ReconciliationWorld.start(chain);
    ({ pool, seed } = world);
  });
  afterEach(() => world.stop());

  const run = () => world.run();

  const submitInstead = async (payment: SeededPayment, amountAtomic: bigint): Promise<Inclusion> => {
    const { nonce } = payment.authorization;
    const signed = await signAuthorization({ network: NETWORK, payer: seed.payer, payTo: PAY_TO, amountAtomic, nonce });
    return seed.submit({ ...payment, ...signed });
  };
  const receiptOf = async ({ transactionHash }: Inclusion) => {
    const { rows } = await pool.query<{ id: string; state: string }>(
      'SELECT id, state FROM chain_receipts WHERE transaction_hash = $1',
      [transactionHash],
    );
    return rows[0] ?? { id: randomUUID(), state: 'not read' };
  };
  const openItems = async (): Promise<string[]> =>
    (await pool.query<{ class: string }>(`SELECT class FROM reconciliation_items WHERE state = 'open' ORDER BY class`)).rows.map(
      (row) => row.class,
    );

  it.each([1n, 5_000n])('pays no debt of another amount: %s', async (amountAtomic) => {
    await run();
    const payment = await seed.claim({ settlementMode: 'optimistic' });
    await seed.queue(payment);
    await seed.broadcast(payment);
    await seed.fail(payment);
    const inclusion = await submitInstead(payment, amountAtomic);
    expect(await run()).toMatchObject({ kind: 'done' });
    const { id, state } = await receiptOf(inclusion);
    expect(state).toBe('unmatched');
    expect(await bookingsOf(pool, id)).toEqual([`unmatched 1: treasury <- unmatched_receipts ${amountAtomic}`]);
    expect((await bookingsOf(pool, payment.id)).at(-1)).toMatch(/^failed 1: customer_debt/);
    const { rows } = await pool.query('SELECT debt_cleared_at FROM payments WHERE id = $1', [payment.id]);
    expect(rows).toEqual([{ debt_cleared_at: null }]);
    expect(await openItems()).toEqual(['unmatched_receipt']);
  });

  it('recovers no loss with less than its price, and ends its run', async () => {
    await run();
    const payment = await seed.claim({ settlementMode: 'optimistic' });
    await seed.queue(payment);
    await seed.broadcast(payment);
    await seed.expire(payment);
    const inclusion = await submitInstead(payment, 1n);
    expect(await run()).toMatchObject({ kind: 'done' });
    expect(await bookingsOf(pool, (await receiptOf(inclusion)).id)).toEqual(['unmatched 1: treasury <- unmatched_receipts 1']);
    expect(await openItems()).toEqual(['unmatched_receipt']);
  });

  it('is not taken for a call on credit whose key gives the same nonce', async () => {
    await run();
    const asked = await signAuthorization({ network: NETWORK, payer: seed.payer, payTo: PAY_TO, amountAtomic: 1_000n });
    const { from, nonce } = asked.authorization;
    await pool.query('INSERT INTO credit_accounts (wallet, balance_atomic) VALUES ($1, 1000)', [from]);
    const id = randomUUID();
    await pool.query(
      `INSERT INTO payments (id, rail, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic,
         price_atomic, valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder,
         lease_expires_at, claimed_at_block)
       VALUES ($1, 'credit', $2, $3, $4, $5, 'claimed', 'sandbox.exec', $6, 2, $7, 1000, 1000, 0, 1, '0x', 'eoa', 'f', 'POST', '/x', '',
         'confirm', 'test', now(), 0)`,
      [id, NETWORK.caip2, NETWORK.usdc, from, nonce, randomUUID(), PAY_TO],
    );
    await pool.query(`UPDATE payments SET state = 'queued', answer_status = 200, answer_expires_at = now() WHERE id = $1`, [id]);
    const inclusion = await seed.submit({ ...(await seed.claim()), ...asked });
    expect(await run()).toMatchObject({ kind: 'done' });
    const receipt = await receiptOf(inclusion);
    expect(receipt.state).toBe('unmatched');
    expect(await bookingsOf(pool, receipt.id)).toEqual(['unmatched 1: treasury <- unmatched_receipts 1000']);
  });
});

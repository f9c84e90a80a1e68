import { PAID } from '../support/payments/bookings';
import { eventually } from '../support/payments/eventually';
import { PAY_TO, PaymentsHarness, PRICE_ATOMIC } from '../support/payments/harness';

let world: PaymentsHarness;
beforeEach(async () => {
  world = await PaymentsHarness.start({ SETTLEMENT_BUMP_AFTER_MS: '500', SETTLEMENT_MAX_FEE_PER_GAS_WEI: '20000000000' });
});
afterEach(async () => {
  await world.stop();
});

async function gasBooked(): Promise<string[]> {
  const { rows } = await world.pool.query<{ amount: string }>(`SELECT amount FROM journal WHERE event = 'gas'`);
  return rows.map(({ amount }) => amount);
}

const replaced = async (): Promise<boolean> => (await world.transactions()).some(({ replacement }) => replacement > 0);

/** What the chain takes into its next block is a replacement: to be stored is not yet to be sent. */
async function replacedInThePool(): Promise<boolean> {
  const pool = (await world.chain.rpc('txpool_content')) as { pending: Record<string, Record<string, { hash: string }>> };
  const hashes = Object.values(pool.pending).flatMap((byNonce) => Object.values(byNonce).map(({ hash }) => hash));
  return (await world.transactions()).some(({ replacement, transaction_hash: hash }) => replacement > 0 && hashes.includes(hash));
}

it('raises the price of a transaction that no block takes, under the same nonce, and books the gas once', async () => {
  const payer = await world.payer(PRICE_ATOMIC);
  await world.chain.setAutomine(false);
  world.startSettler();
  const outcome = world.pay(await world.header(payer));
  await eventually('the better price is in the pool', replacedInThePool);
  await world.chain.mine();
  const paid = await outcome;
  expect(paid).toMatchObject({ kind: 'paid' });
  await eventually('the batch has ended', async () => (await world.transactions())[0]?.state === 'replaced');
  const transactions = await world.transactions();
  const mined = transactions.filter(({ state }) => state === 'succeeded');
  expect(mined).toHaveLength(1);
  expect(mined[0]).toMatchObject({
    evm_nonce: 0,
    transaction_hash: (paid as { payment: { transactionHash: string } }).payment.transactionHash,
  });
  expect(mined[0]!.replacement).toBeGreaterThan(0);
  expect(new Set(transactions.map(({ batch_id: batch }) => batch)).size).toBe(1);
  expect(await gasBooked()).toEqual([mined[0]!.fee_wei]);
  expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC);
  const { rows } = await world.pool.query<{ price: string; before: string | null }>(
    `SELECT max_fee_per_gas_wei AS price, lag(max_fee_per_gas_wei) OVER (ORDER BY replacement) AS before FROM settlement_transactions`,
  );
  for (const { price, before } of rows)
    if (before !== null) expect(BigInt(price) * 8n).toBeGreaterThanOrEqual(BigInt(before) * 9n);
  await world.expectBooks([PAID]);
});

it('finds the payment under the first price when the replacement never arrived', async () => {
  const payer = await world.payer(PRICE_ATOMIC);
  await world.chain.setAutomine(false);
  world.node.takesTransactions = 1;
  world.startSettler();
  const outcome = world.pay(await world.header(payer));
  await eventually('the price was raised', replaced);
  await world.chain.mine();
  expect(await outcome).toMatchObject({ kind: 'paid' });
  await eventually('the batch has ended', async () => (await world.transactions())[0]?.state === 'succeeded');
  const [first, ...others] = await world.transactions();
  expect(others.every(({ state }) => state === 'replaced')).toBe(true);
  expect(await gasBooked()).toEqual([first!.fee_wei]);
  await world.expectBooks([PAID]);
});

it('waits while gas costs more than the ceiling, and sends when it is cheap again', async () => {
  const payer = await world.payer(PRICE_ATOMIC);
  await world.chain.rpc('anvil_setNextBlockBaseFeePerGas', ['0x4a817c800']); // 20 gwei: twice that is above the ceiling
  await world.chain.mine();
  world.startSettler();
  const outcome = world.pay(await world.header(payer));
  await eventually('it said so', () => Promise.resolve(world.problems.some((text) => text.includes('more than the ceiling'))));
  expect(await world.states()).toEqual({ queued: 1 });
  expect(await world.transactions()).toEqual([]);
  await world.chain.rpc('anvil_setNextBlockBaseFeePerGas', ['0x3b9aca00']);
  await world.chain.mine();
  expect(await outcome).toMatchObject({ kind: 'paid' });
  await world.expectBooks([PAID]);
});

it('never raises a price above the ceiling', async () => {
  const payer = await world.payer(PRICE_ATOMIC);
  await world.chain.setAutomine(false);
  await world.chain.rpc('anvil_setNextBlockBaseFeePerGas', ['0x2386f26fc']); // 9.53 gwei: one step is left below the ceiling
  await world.chain.mine();
  world.startSettler();
  const outcome = world.pay(await world.header(payer));
  await eventually('it is on its way', async () => (await world.states())['broadcast'] === 1);
  await world.pool.query('SELECT pg_sleep(1.5)');
  const { rows } = await world.pool.query<{ price: string }>(
    'SELECT max(max_fee_per_gas_wei) AS price FROM settlement_transactions',
  );
  expect(BigInt(rows[0]!.price)).toBeLessThanOrEqual(20_000_000_000n);
  await world.chain.mine();
  expect(await outcome).toMatchObject({ kind: 'paid' });
  await world.expectBooks([PAID]);
});

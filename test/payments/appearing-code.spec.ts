import type { PrivateKeyAccount } from 'viem/accounts';
import type { PaidOutcome } from '@tollbox/payments/application/outcomes';
import { accountsWithCode, codeSizesCall } from '@tollbox/payments/infrastructure/code-sizes';
import { eventually } from '../support/payments/eventually';
import { PAY_TO, PaymentsHarness, PRICE_ATOMIC } from '../support/payments/harness';

/** Uses up all gas that it is called with. */
const BURNER = '0x5b600056';
/** What EIP-7702 leaves at an account that delegates to 0x…dead. */
const DELEGATED = `0xef0100${'dead'.padStart(40, '0')}`;
/** What a batch of eight may cost: the overhead and the limit of each transfer. */
const BATCH_GAS_LIMIT = 100_000n + 8n * 110_000n;
const SINGLE_GAS_LIMIT = 300_000n;

let world: PaymentsHarness;
let thief: PrivateKeyAccount;
beforeEach(async () => {
  world = await PaymentsHarness.start({ SETTLEMENT_BATCH_SIZE: '8' });
  thief = await world.payer(PRICE_ATOMIC, 1);
});
afterEach(() => world.stop());

/** Done work of seven honest payers' and one thief's, waiting in the queue; the thief's is the first to run out. */
async function queue(): Promise<{ honest: Promise<PaidOutcome>[]; stolen: Promise<PaidOutcome> }> {
  const payer = await world.payer(PRICE_ATOMIC * 7n, 2);
  const headers = await Promise.all(Array.from({ length: 7 }, () => world.header(payer)));
  const validBefore = BigInt(Math.floor(Date.now() / 1000)) + 100n;
  const stolen = world.pay(await world.header(thief, { validBefore }));
  const honest = headers.map((header) => world.pay(header));
  await eventually('all are queued', async () => (await world.states())['queued'] === 8);
  return { honest, stolen };
}

async function endsWell(honest: Promise<PaidOutcome>[]): Promise<void> {
  for (const outcome of await Promise.all(honest)) expect(outcome.kind).toBe('paid');
  expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC * 7n);
}

it('asks for all codes of a batch with one call', async () => {
  const plain = '0x00000000000000000000000000000000000a1100';
  const delegated = '0x00000000000000000000000000000000000a1101';
  await world.chain.rpc('anvil_setCode', [delegated, DELEGATED]);
  for (const accounts of [[plain], [delegated, plain], [plain, PAY_TO, delegated]] as const) {
    const { method, params } = codeSizesCall(accounts);
    expect(accountsWithCode(accounts, await world.chain.rpc(method, [...params]))).toEqual(
      accounts.filter((one) => one === delegated),
    );
  }
  expect(() => accountsWithCode([plain], '0x')).toThrow('does not tell');
});

it('settles a payer whose code appeared after his claim apart, so that it is in no batch and spoils no simulation', async () => {
  const { honest, stolen } = await queue();
  await world.chain.rpc('anvil_setCode', [thief.address, BURNER]);
  world.startSettler();
  await endsWell(honest);
  expect(await stolen).toMatchObject({ kind: 'refused', payment: { state: 'failed' } });
  expect((await world.transactions()).map(({ state, payments }) => [state, payments])).toEqual([['succeeded', 7]]);
});

it('bounds what code that appears after the batch was composed can burn: one batch, and then one payment', async () => {
  const { honest, stolen } = await queue();
  await world.chain.setAutomine(false);
  world.startSettler();
  await eventually('the batch is in the pool', async () => {
    const status = (await world.chain.rpc('txpool_status')) as { pending: string };
    return BigInt(status.pending) === 1n;
  });
  await world.chain.rpc('anvil_setCode', [thief.address, BURNER]);
  await world.chain.mine();
  await world.chain.setAutomine(true);
  await endsWell(honest);
  expect(await stolen).toMatchObject({ kind: 'refused', payment: { state: 'failed' } });
  const { rows } = await world.pool.query<{ payments: number; gas_used: string }>(
    'SELECT cardinality(payment_ids) AS payments, gas_used FROM settlement_transactions ORDER BY stored_at',
  );
  expect(rows[0]?.payments).toBe(8);
  for (const { payments, gas_used: gas } of rows)
    expect(BigInt(gas)).toBeLessThanOrEqual(payments === 1 ? SINGLE_GAS_LIMIT : BATCH_GAS_LIMIT);
  // Whoever was spoilt comes back in halves, without the thief.
  expect(rows.slice(1).every(({ payments }) => payments <= 4)).toBe(true);
});

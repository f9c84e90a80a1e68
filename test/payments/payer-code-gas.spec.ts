import { privateKeyToAccount } from 'viem/accounts';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import type { Hex } from '@tollbox/payments/domain/networks';
import { eventually } from '../support/payments/eventually';
import { NETWORK, PAY_TO, PaymentsHarness, PRICE_ATOMIC } from '../support/payments/harness';
import { signAuthorization, v2Header } from '../support/payments/sign';

const SAYS_YES = '0x631626ba7e60e01b60005260206000f3';
/** Uses up all gas that it is called with. */
const BURNER = '0x5b600056';
const wallet = (number: number): Hex => `0x${number.toString(16).padStart(40, '0')}`;
const [THIEF, HONEST, LATE] = [wallet(0xbad1), wallet(0x900d), wallet(0x1a7e)];

let world: PaymentsHarness;
beforeEach(async () => {
  world = await PaymentsHarness.start({ PAYER_CODE_GAS_BUDGET_WEI_PER_HOUR: '1' });
  for (const account of [THIEF, HONEST, LATE]) {
    await world.chain.rpc('anvil_setCode', [account, SAYS_YES]);
    await world.chain.mint(account, PRICE_ATOMIC * 2n);
  }
});
afterEach(() => world.stop());

async function headerOf(from: Hex): Promise<string> {
  const payer = privateKeyToAccount(devPrivateKey(2));
  const signed = await signAuthorization({ network: NETWORK, payer, from, payTo: PAY_TO, amountAtomic: PRICE_ATOMIC });
  return v2Header(NETWORK, signed.authorization, signed.signature);
}

/** A payment that the simulation lets through, and that burns its gas in the block. */
async function burn(): Promise<void> {
  await world.chain.setAutomine(false);
  const burnt = world.pay(await headerOf(THIEF));
  await eventually('it is in the pool', async () => {
    const status = (await world.chain.rpc('txpool_status')) as { pending: string };
    return BigInt(status.pending) === 1n;
  });
  await world.chain.rpc('anvil_setCode', [THIEF, BURNER]);
  await world.chain.mine();
  await world.chain.setAutomine(true);
  expect((await burnt).kind).toBe('refused');
}

const anHourPasses = () =>
  world.pool.query(`UPDATE settlement_transactions SET resolved_at = resolved_at - interval '1 hour' WHERE state = 'reverted'`);

it('refuses wallets with code when their gas is used up, and serves plain accounts', async () => {
  world.startSettler();
  const known = await headerOf(HONEST);
  expect((await world.pay(known)).kind).toBe('paid');
  expect((await world.pay(await headerOf(HONEST))).kind).toBe('paid'); // what succeeds at a usual price costs nothing
  await burn();

  expect(await world.pay(await headerOf(LATE))).toMatchObject({
    kind: 'error',
    charged: false,
    error: { code: 'contract_wallets_paused', retryAfterSeconds: 600 },
  });
  expect((await world.pay(known)).kind).toBe('paid'); // a payment that is known is not judged again
  expect((await world.pay(await world.header(await world.payer(PRICE_ATOMIC)))).kind).toBe('paid');

  await anHourPasses();
  expect((await world.pay(await headerOf(LATE))).kind).toBe('paid');
});

it('sends none of those that are queued already, until there is gas again', async () => {
  const waits = world.pay(await headerOf(LATE));
  await eventually('it is queued', async () => (await world.states())['queued'] === 1);
  await world.pool.query(
    `INSERT INTO settlement_transactions (id, batch_id, network, signer, evm_nonce, fence, raw_transaction, transaction_hash, state, gas_used,
       fee_wei, runs_payer_code, resolved_at) VALUES ($1, $1, $2, '0xother', 0, 1, '0x', '0xburnt', 'succeeded', 200001, 1, true, now())`,
    ['00000000-0000-4000-8000-000000000001', NETWORK.caip2],
  );
  world.startSettler();
  expect((await world.pay(await world.header(await world.payer(PRICE_ATOMIC)))).kind).toBe('paid');
  await eventually('it was passed by', () => Promise.resolve(world.problems.some((text) => text.includes('used up their gas'))));
  expect(await world.states()).toEqual({ settled: 1, queued: 1 });
  await world.pool.query(
    `UPDATE settlement_transactions SET resolved_at = now() - interval '1 hour' WHERE transaction_hash = '0xburnt'`,
  );
  expect((await waits).kind).toBe('paid');
});

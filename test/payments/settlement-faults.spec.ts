import { createWalletClient, http } from 'viem';
import { baseSepolia } from 'viem/chains';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { eventually } from '../support/payments/eventually';
import {
  broadcast,
  EXECUTED,
  expired,
  gas,
  gasReturned,
  PAID,
  PAID_AFTER_REORG,
  requeued,
  settled,
  times,
} from '../support/payments/bookings';
import { NETWORK, PAY_TO, PaymentsHarness, PRICE_ATOMIC } from '../support/payments/harness';
import { accountOf, signAuthorization, v2Header } from '../support/payments/sign';

let world: PaymentsHarness;
beforeEach(async () => {
  world = await PaymentsHarness.start();
});
afterEach(async () => {
  await world.stop();
});

const height = async (): Promise<bigint> => BigInt((await world.chain.rpc('eth_blockNumber')) as string);
const settlementKey = (): ReturnType<typeof createWalletClient> =>
  createWalletClient({ account: accountOf(devPrivateKey(0)), chain: baseSepolia, transport: http(world.chain.rpcUrl) });

it('sends a transaction again that the node dropped', async () => {
  const payer = await world.payer(PRICE_ATOMIC);
  await world.chain.setAutomine(false);
  world.startSettler();
  const outcome = world.pay(await world.header(payer));
  await eventually('it is in the pool', async () => {
    const status = (await world.chain.rpc('txpool_status')) as { pending: string };
    return BigInt(status.pending) === 1n;
  });
  await world.chain.rpc('anvil_dropAllTransactions');
  await world.chain.setAutomine(true);
  expect(await outcome).toMatchObject({ kind: 'paid' });
  expect(await world.transactions()).toHaveLength(1);
  await world.expectBooks([PAID]);
});

it('fills a gap below its nonce, so that what waits behind it can be mined', async () => {
  const payer = await world.payer(PRICE_ATOMIC);
  const snapshot = await world.chain.rpc('evm_snapshot');
  // The key is used behind our back; then the block of that transaction is lost, and nobody has its bytes any more.
  await settlementKey().sendTransaction({ account: accountOf(devPrivateKey(0)), chain: baseSepolia, to: PAY_TO, value: 1n });
  world.startSettler();
  expect(await world.pay(await world.header(payer))).toMatchObject({ kind: 'paid' });
  await world.chain.rpc('evm_revert', [snapshot]);
  await world.chain.mine(4);
  await eventually('the block was missed', async () => (await world.eventKinds()).includes('block_lost'));
  await eventually('it is settled again', async () => (await world.states())['settled'] === 1);
  const [filler, settlement] = await world.transactions();
  expect([filler, settlement]).toMatchObject([
    { evm_nonce: 0, payments: 0 },
    { evm_nonce: 1, payments: 1, state: 'succeeded' },
  ]);
  await world.expectBooks([PAID_AFTER_REORG]);
});

it('waits for a receipt that the node hides', async () => {
  const payer = await world.payer(PRICE_ATOMIC);
  world.node.hides.add('eth_getTransactionReceipt');
  world.startSettler();
  const outcome = world.pay(await world.header(payer));
  await eventually('the nonce is used', async () => (await world.chain.balanceOf(PAY_TO)) === PRICE_ATOMIC);
  await world.pool.query('SELECT pg_sleep(1)'); // longer than a displaced transaction is waited for
  expect((await world.transactions()).map(({ state }) => state)).not.toContain('dropped');
  world.node.hides.clear();
  expect(await outcome).toMatchObject({ kind: 'paid' });
  await world.expectBooks([PAID]);
});

it('sends nothing again on the word of a node that is behind and denies everything', async () => {
  const payer = await world.payer(PRICE_ATOMIC * 2n);
  world.node.stateAtBlock = await height();
  world.node.hides.add('eth_getTransactionReceipt').add('eth_getTransactionByHash');
  world.node.hidesEvents = true;
  world.startSettler();
  const outcome = world.pay(await world.header(payer));
  await eventually('the nonce is used', async () => (await world.chain.balanceOf(PAY_TO)) === PRICE_ATOMIC);
  await world.pool.query('SELECT pg_sleep(1)'); // longer than a displaced transaction is waited for
  expect(await world.transactions()).toHaveLength(1);
  world.node.hides.clear();
  world.node.hidesEvents = false;
  world.node.stateAtBlock = null;
  expect(await outcome).toMatchObject({ kind: 'paid' });
  await world.expectBooks([PAID]);
});

it('corrects itself when a transaction that was given up is in a block after all', async () => {
  const payer = await world.payer(PRICE_ATOMIC);
  world.node.hides.add('eth_getTransactionReceipt');
  const settler = world.startSettler();
  const outcome = world.pay(await world.header(payer));
  await eventually('the nonce is used', async () => (await world.chain.balanceOf(PAY_TO)) === PRICE_ATOMIC);
  await settler.beforeApplicationShutdown();
  const [mined] = await world.transactions();
  const payments = await world.settlements.openPaymentsOf(mined!.batch_id);
  const verdicts = payments.map((payment) => ({ payment, to: 'queued', reason: 'given up by mistake' }) as const);
  expect(await world.settlements.drop(mined!.batch_id, verdicts)).toBe(true);
  await world.pool.query(`UPDATE settlement_transactions SET resolved_at = now() - interval '30 days'`);
  world.node.hides.clear();
  world.startSettler('worker-2');
  expect(await outcome).toMatchObject({ kind: 'paid', payment: { transactionHash: mined!.transaction_hash } });
  await eventually('its gas is known', async () => (await world.transactions())[0]?.state === 'succeeded');
  expect(await world.transactions()).toHaveLength(1);
  await world.expectBooks([[EXECUTED, broadcast(), requeued(), settled(2, 'authorized'), gas()]]);
});

it('settles each payment once through an RPC endpoint that comes and goes', async () => {
  const payer = await world.payer(PRICE_ATOMIC * 6n);
  const headers = await Promise.all(Array.from({ length: 6 }, () => world.header(payer)));
  const outcomes = headers.map((header) => world.pay(header));
  await eventually('all are queued', async () => (await world.states())['queued'] === 6);
  world.node.isDown = true;
  world.startSettler();
  await eventually('it noticed', () => Promise.resolve(world.problems.length > 1));
  world.node.isDown = false;
  world.node.refuses.add('eth_sendRawTransaction');
  await eventually('bytes are stored', async () => (await world.transactions()).length > 0);
  world.node.isDown = true;
  world.node.refuses.clear();
  await eventually('it noticed again', () =>
    Promise.resolve(world.problems.filter((text) => text.includes('failed')).length > 3),
  );
  world.node.delayMs = 30;
  world.node.isDown = false;
  for (const outcome of await Promise.all(outcomes)) expect(outcome.kind).toBe('paid');
  await world.expectBooks(times(6, PAID));
});

it('takes a settlement back when its block is replaced, and books it again in the next round', async () => {
  const payer = await world.payer(PRICE_ATOMIC * 3n);
  world.startSettler();
  const headers = await Promise.all([1, 2, 3].map(() => world.header(payer)));
  for (const outcome of await Promise.all(headers.map((header) => world.pay(header)))) expect(outcome.kind).toBe('paid');
  await eventually('all transactions have ended', async () =>
    (await world.transactions()).every(({ state }) => state === 'succeeded'),
  );
  const mined = (await world.transactions()).length;
  await world.chain.rpc('anvil_reorg', [mined, []]);
  await world.chain.mine();
  await eventually(
    'the blocks were missed',
    async () => (await world.eventKinds()).filter((kind) => kind === 'block_lost').length === 3,
  );
  await eventually('all are settled again', async () => (await world.states())['settled'] === 3);
  await world.expectBooks(times(3, PAID_AFTER_REORG));
});

it('ends a settlement as expired when its block is lost and its time is over', async () => {
  const payer = await world.payer(PRICE_ATOMIC);
  const snapshot = await world.chain.rpc('evm_snapshot');
  const nowS = BigInt(Math.floor(Date.now() / 1000));
  const validBefore = nowS + 27n;
  const signed = await signAuthorization({ network: NETWORK, payer, payTo: PAY_TO, amountAtomic: PRICE_ATOMIC, validBefore });
  world.startSettler();
  expect(await world.pay(v2Header(NETWORK, signed.authorization, signed.signature))).toMatchObject({ kind: 'paid' });
  await world.stopSettler();
  await world.chain.rpc('evm_revert', [snapshot]);
  await world.chain.rpc('evm_setNextBlockTimestamp', [Number(validBefore) + 1]);
  await world.chain.mine(4);
  world.startSettler('worker-2');
  await eventually('it has its end', async () => (await world.states())['expired'] === 1);
  // The bytes that came back were mined all the same, and moved nothing.
  const booked = [EXECUTED, broadcast(), settled(), requeued(1, 'treasury'), broadcast(2), expired(2, 'in_flight')];
  await world.expectBooks([[...booked, gas(), gasReturned(), gas(2)]]);
});

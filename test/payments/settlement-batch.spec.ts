import { createWalletClient, http, parseAbi, type PrivateKeyAccount } from 'viem';
import { baseSepolia } from 'viem/chains';
import type { PaidOutcome } from '@tollbox/payments/application/outcomes';
import { MULTICALL3 } from '@tollbox/payments/domain/networks';
import { PostgresSettlementControl } from '@tollbox/payments/infrastructure/settlement-control';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { broadcast, EXECUTED, failed, gas, PAID, REFUSED, requeued, settled, times } from '../support/payments/bookings';
import { eventually } from '../support/payments/eventually';
import { NETWORK, PAY_TO, PaymentsHarness, PRICE_ATOMIC, type StoredRow } from '../support/payments/harness';
import { accountOf } from '../support/payments/sign';

const transferAbi = parseAbi(['function transfer(address to, uint256 value) returns (bool)']);
const KEYS = [devPrivateKey(0), devPrivateKey(10)];

let world: PaymentsHarness;
beforeEach(async () => {
  world = await PaymentsHarness.start({ SETTLEMENT_PRIVATE_KEY: KEYS.join(), SETTLEMENT_BATCH_SIZE: '8' });
});
afterEach(async () => {
  await world.stop();
});

/** Done work of these payers, waiting in the queue. */
async function queue(payers: readonly PrivateKeyAccount[], each: number): Promise<Promise<PaidOutcome>[]> {
  const headers = await Promise.all(payers.flatMap((payer) => Array.from({ length: each }, () => world.header(payer))));
  const outcomes = headers.map((header) => world.pay(header));
  await eventually('all are queued', async () => (await world.states())['queued'] === headers.length);
  return outcomes;
}

const emptyWallet = (payer: PrivateKeyAccount, maxPriorityFeePerGas?: bigint) =>
  createWalletClient({ account: payer, chain: baseSepolia, transport: http(world.chain.rpcUrl) }).writeContract({
    address: NETWORK.usdc,
    abi: transferAbi,
    functionName: 'transfer',
    args: [accountOf(devPrivateKey(7)).address, PRICE_ATOMIC],
    gas: 100_000n, // not estimated: the node would estimate on top of what is in its pool
    ...(maxPriorityFeePerGas === undefined ? {} : { maxPriorityFeePerGas, maxFeePerGas: maxPriorityFeePerGas * 20n }),
  });

/** Gas that the chain took for the transactions, which the books must have to the wei. */
const feesOf = (transactions: readonly StoredRow[]): bigint =>
  transactions.reduce((sum, { fee_wei: fee }) => sum + BigInt(fee ?? 0), 0n);

it('carries many payments in one transaction, over several keys, and books every wei of gas', async () => {
  const payers = [await world.payer(PRICE_ATOMIC * 20n, 1), await world.payer(PRICE_ATOMIC * 20n, 2)];
  const outcomes = await queue(payers, 20);
  world.startSettler();
  world.startSettler('worker-2');
  for (const outcome of await Promise.all(outcomes)) expect(outcome.kind).toBe('paid');
  expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC * 40n);
  await eventually('all transactions have ended', async () =>
    (await world.transactions()).every(({ state }) => state === 'succeeded'),
  );
  const transactions = await world.transactions();
  expect(transactions.reduce((sum, { payments }) => sum + payments, 0)).toBe(40);
  expect(transactions.length).toBeLessThanOrEqual(8);
  expect(Math.max(...transactions.map(({ payments }) => payments))).toBe(8);
  expect(new Set(transactions.map(({ signer }) => signer)).size).toBe(2);
  expect(await world.balances()).toEqual({
    treasury: PRICE_ATOMIC * 40n,
    'revenue:test.count': -PRICE_ATOMIC * 40n,
    gas_expense: feesOf(transactions),
    gas_wallet: -feesOf(transactions),
  });
  const { rows } = await world.pool.query(`SELECT 1 FROM journal WHERE event = 'gas'`);
  expect(rows).toHaveLength(40);
  await world.expectBooks(times(40, PAID));
});

it('leaves out what the chain refuses, and settles the rest', async () => {
  const [poor, rich] = [await world.payer(PRICE_ATOMIC, 1), await world.payer(PRICE_ATOMIC * 3n, 2)];
  const refused = await queue([poor], 1);
  const headers = await Promise.all([1, 2, 3].map(() => world.header(rich)));
  const paid = headers.map((header) => world.pay(header));
  await eventually('all are queued', async () => (await world.states())['queued'] === 4);
  await emptyWallet(poor);
  world.startSettler();
  for (const outcome of await Promise.all(paid)) expect(outcome.kind).toBe('paid');
  expect(await refused[0]).toMatchObject({ kind: 'refused', payment: { state: 'failed', failReason: 'insufficient_funds' } });
  expect(await world.balances()).toMatchObject({ treasury: PRICE_ATOMIC * 3n, 'revenue:test.count': -PRICE_ATOMIC * 3n });
  await world.expectBooks([REFUSED, ...times(3, PAID)]);
});

it('decides by the events of the block: a payer who is quicker than the batch loses nobody else his answer', async () => {
  const [poor, rich] = [await world.payer(PRICE_ATOMIC, 1), await world.payer(PRICE_ATOMIC * 2n, 2)];
  const outcomes = await queue([poor, rich], 1);
  await world.chain.setAutomine(false);
  world.startSettler();
  await eventually('the batch is sent', async () => (await world.states())['broadcast'] === 2);
  await eventually('it is in the pool', async () => {
    const status = (await world.chain.rpc('txpool_status')) as { pending: string };
    return BigInt(status.pending) === 1n;
  });
  await emptyWallet(poor, 10_000_000_000n);
  await world.chain.mine();
  expect((await outcomes[1]!).kind).toBe('paid');
  expect(await outcomes[0]).toMatchObject({ kind: 'refused', payment: { failReason: 'insufficient_funds' } });
  const [batch] = await world.transactions();
  expect(batch).toMatchObject({ state: 'succeeded', payments: 2 });
  // The gas of the refused one was spent all the same, and is its own.
  const { rows } = await world.pool.query<{ sum: string }>(`SELECT sum(amount) FROM journal WHERE event = 'gas'`);
  expect(rows[0]!.sum).toBe(batch!.fee_wei);
  await world.expectBooks([[EXECUTED, broadcast(), failed(1, 'in_flight'), gas()], PAID]);
});

it('pays once for a transfer that the reads spoke for and the chain refuses: it is run before it is sent again', async () => {
  const [odd, rich] = [await world.payer(PRICE_ATOMIC, 1), await world.payer(PRICE_ATOMIC * 2n, 2)];
  const outcomes = [...(await queue([odd], 1))];
  const header = await world.header(rich);
  outcomes.push(world.pay(header));
  await eventually('both are queued', async () => (await world.states())['queued'] === 2);
  // A signature of somebody else: no read of the chain tells.
  await world.pool.query('UPDATE payments SET signature = (SELECT signature FROM payments WHERE payer = $1) WHERE payer = $2', [
    rich.address.toLowerCase(),
    odd.address.toLowerCase(),
  ]);
  world.startSettler();
  expect((await outcomes[1]!).kind).toBe('paid');
  expect(await outcomes[0]).toMatchObject({ kind: 'refused', payment: { state: 'failed' } });
  const transactions = await world.transactions();
  expect(transactions).toMatchObject([{ state: 'succeeded', payments: 2 }]);
  await world.expectBooks([[EXECUTED, broadcast(), requeued(), failed(2), gas()], PAID]);
});

it('splits a batch that reverts until each payment is settled', async () => {
  const payer = await world.payer(PRICE_ATOMIC * 8n);
  const outcomes = await queue([payer], 8);
  const code = await world.chain.rpc('eth_getCode', [MULTICALL3, 'latest']);
  await world.chain.setAutomine(false);
  world.startSettler();
  await eventually('the batch is sent', async () => (await world.states())['broadcast'] === 8);
  await eventually('it is in the pool', async () => {
    const status = (await world.chain.rpc('txpool_status')) as { pending: string };
    return BigInt(status.pending) === 1n;
  });
  await world.chain.rpc('anvil_setCode', [MULTICALL3, '0x60006000fd']); // reverts whatever it is asked
  await world.chain.mine();
  await world.chain.rpc('anvil_setCode', [MULTICALL3, code]);
  await world.chain.setAutomine(true);
  for (const outcome of await Promise.all(outcomes)) expect(outcome.kind).toBe('paid');
  const transactions = await world.transactions();
  const reverted = transactions.filter(({ state }) => state === 'reverted');
  expect(reverted.map(({ payments }) => payments)).toEqual([8]);
  expect(transactions.filter(({ state }) => state === 'succeeded').map(({ payments }) => payments)).toEqual([4, 4]);
  expect(await world.balances()).toEqual({
    treasury: PRICE_ATOMIC * 8n,
    'revenue:test.count': -PRICE_ATOMIC * 8n,
    gas_expense: feesOf(transactions),
    gas_wallet: -feesOf(transactions),
  });
  const again = [EXECUTED, broadcast(), requeued(), broadcast(2), settled(2), gas(), gas(2)];
  await world.expectBooks(times(8, again));
});

it('sends nothing while it is paused, follows what is on its way, and goes on after', async () => {
  const control = new PostgresSettlementControl(world.pool, NETWORK, new AuditLog(world.pool));
  const staff = { keyId: 'key-1', name: 'olga', role: 'operator', requestId: 'request-1', ip: '127.0.0.1' } as const;
  await world.pool.query('INSERT INTO installation (id, network, asset, pay_to) VALUES (gen_random_uuid(), $1, $2, $3)', [
    NETWORK.caip2,
    NETWORK.usdc,
    PAY_TO,
  ]);
  const payer = await world.payer(PRICE_ATOMIC * 2n);
  await world.chain.setAutomine(false);
  world.startSettler();
  const first = world.pay(await world.header(payer));
  await eventually('the first is on its way', async () => (await world.states())['broadcast'] === 1);
  expect(await control.pause(staff)).toMatchObject({ pausedBy: 'olga', paymentsInFlight: 1, queuedPayments: 0 });
  const second = world.pay(await world.header(payer));
  await eventually('the second is queued', async () => (await world.states())['queued'] === 1);
  await world.chain.setAutomine(true);
  await world.chain.mine();
  expect((await first).kind).toBe('paid');
  expect(await control.overview()).toMatchObject({ paymentsInFlight: 0, queuedPayments: 1 });
  expect(await world.states()).toEqual({ settled: 1, queued: 1 });
  expect(await control.resume(staff)).toMatchObject({ pausedAt: null, pausedBy: null });
  expect((await second).kind).toBe('paid');
  const { rows } = await world.pool.query('SELECT actor, action FROM audit_log ORDER BY id');
  expect(rows).toEqual([
    { actor: 'key-1', action: 'settlement.pause' },
    { actor: 'key-1', action: 'settlement.resume' },
  ]);
  await world.expectBooks([PAID, PAID]);
});

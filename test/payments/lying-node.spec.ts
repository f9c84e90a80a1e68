import { createWalletClient, http, parseAbi, type PrivateKeyAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';
import type { PaidOutcome } from '@tollbox/payments/application/outcomes';
import * as booked from '../support/payments/bookings';
import { eventually } from '../support/payments/eventually';
import { NETWORK, PAY_TO, PaymentsHarness, PRICE_ATOMIC } from '../support/payments/harness';

/**
 * A real chain behind a node that lies for some answers and then tells the truth. Whatever it says, each payment is paid
 * once, its gas is booked to the wei, and chain and books agree.
 */
const { EXECUTED, PAID, PAID_AFTER_REORG, broadcast, failed, gas, requeued, times } = booked;

interface Receipt {
  status: string;
  logs: unknown[];
  blockHash: string;
}
const more = (by: bigint) => (truth: string) => (BigInt(truth) + by < 0n ? '0x0' : `0x${(BigInt(truth) + by).toString(16)}`);
const hidden = (truth: unknown) => (truth === null ? undefined : null);

let world: PaymentsHarness;
/** The journal of every payment so far. */
const journal: (readonly string[])[] = [];

beforeAll(async () => {
  world = await PaymentsHarness.start();
});
afterAll(() => world.stop());
beforeEach(() => world.startSettler());
afterEach(() => world.stopSettler());

async function newPayer(amountAtomic = PRICE_ATOMIC): Promise<PrivateKeyAccount> {
  const account = privateKeyToAccount(generatePrivateKey());
  await world.chain.mint(account.address, amountAtomic);
  return account;
}

const pay = async (): Promise<PaidOutcome> => world.pay(await world.header(await newPayer()));

async function expectEnd(...lines: (readonly string[])[]): Promise<void> {
  await eventually('every lie is told', () => Promise.resolve(world.node.isTruthful));
  journal.push(...lines);
  await world.expectBooks(journal);
  const reverted = (await world.transactions()).filter(({ state }) => state === 'reverted');
  expect(reverted.length).toBe(journal.filter((one) => one.includes(failed(2))).length);
}

it('has no receipt of a transaction that is in a block', async () => {
  world.node.lie('eth_getTransactionReceipt', 15, hidden);
  expect(await pay()).toMatchObject({ kind: 'paid' });
  await expectEnd(PAID);
});

it('knows neither the receipt nor the transaction', async () => {
  world.node.lie('eth_getTransactionReceipt', 20, hidden);
  world.node.lie('eth_getTransactionByHash', 1, hidden);
  expect(await pay()).toMatchObject({ kind: 'paid' });
  await expectEnd(PAID);
});

it('names a block that is not in the chain: settled again where the transaction really is', async () => {
  world.node.lie('eth_getTransactionReceipt', 1, (truth: Receipt | null) =>
    truth === null ? undefined : { ...truth, blockHash: `0x${'ab'.repeat(32)}` },
  );
  expect(await pay()).toMatchObject({ kind: 'paid' });
  await eventually('it noticed', async () => (await world.eventKinds()).includes('block_lost'));
  await expectEnd(PAID_AFTER_REORG);
});

it('says that what succeeded has reverted: not believed against the events of the chain', async () => {
  world.node.lie('eth_getTransactionReceipt', 1, (truth: Receipt | null) =>
    truth === null ? undefined : { ...truth, status: '0x0', logs: [] },
  );
  expect(await pay()).toMatchObject({ kind: 'paid' });
  await expectEnd(PAID);
});

it('says so of a batch', async () => {
  await world.stopSettler();
  const payer = await newPayer(PRICE_ATOMIC * 3n);
  const headers = await Promise.all(times(3, payer).map((one) => world.header(one)));
  const outcomes = headers.map((header) => world.pay(header));
  await eventually('all are queued', async () => (await world.states())['queued'] === 3);
  world.node.lie('eth_getTransactionReceipt', 4, (truth: Receipt | null) =>
    truth === null ? undefined : { ...truth, status: '0x0', logs: [] },
  );
  world.startSettler();
  for (const outcome of await Promise.all(outcomes)) expect(outcome.kind).toBe('paid');
  await expectEnd(...times(3, PAID));
});

it('hides the events, in the receipt and in the logs', async () => {
  world.node.lie('eth_getTransactionReceipt', 2, (truth: Receipt | null) =>
    truth === null ? undefined : { ...truth, logs: [] },
  );
  world.node.lie('eth_getLogs', 2, (truth: unknown[]) => (truth.length === 0 ? undefined : []));
  expect(await pay()).toMatchObject({ kind: 'paid' });
  await expectEnd(PAID);
});

it('is behind: an older block and older nonces', async () => {
  world.node.lie('eth_getTransactionCount', 2, more(-2n));
  world.node.lie('eth_blockNumber', 1, more(-2n));
  expect(await pay()).toMatchObject({ kind: 'paid' });
  world.node.lie('eth_getTransactionCount', 2, more(-1n));
  expect(await pay()).toMatchObject({ kind: 'paid' });
  await expectEnd(PAID, PAID);
});

it('counts transactions that nobody sent: the gap is filled', async () => {
  world.node.lie('eth_getTransactionCount', 2, more(2n));
  expect(await pay()).toMatchObject({ kind: 'paid' });
  await expectEnd(PAID);
  const fillers = (await world.transactions()).filter(({ payments }) => payments === 0);
  expect(fillers.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
});

it('answers with an error to bytes that it took', async () => {
  world.node.lie('eth_sendRawTransaction', 1, () => new Error('internal error'));
  expect(await pay()).toMatchObject({ kind: 'paid' });
  await expectEnd(PAID);
});

it('says that it took bytes which it forgot', async () => {
  world.node.takesTransactions = 0;
  const outcome = pay();
  await eventually('it was offered some', () => Promise.resolve(world.node.takesTransactions < 0));
  world.node.takesTransactions = Infinity;
  expect(await outcome).toMatchObject({ kind: 'paid' });
  await expectEnd(PAID);
});

it('hides a transaction that reverted: it is given up, and its gas is booked when it shows', async () => {
  const payer = await newPayer();
  await world.chain.rpc('anvil_setBalance', [payer.address, '0xde0b6b3a7640000']);
  await world.chain.setAutomine(false);
  const outcome = world.pay(await world.header(payer));
  await eventually('it is in the pool', async () => {
    const status = (await world.chain.rpc('txpool_status')) as { pending: string };
    return BigInt(status.pending) === 1n;
  });
  world.node.hides.add('eth_getTransactionReceipt').add('eth_getTransactionByHash');
  await createWalletClient({ account: payer, chain: baseSepolia, transport: http(world.chain.rpcUrl) }).writeContract({
    address: NETWORK.usdc,
    abi: parseAbi(['function transfer(address to, uint256 value) returns (bool)']),
    functionName: 'transfer',
    args: [NETWORK.usdc, PRICE_ATOMIC],
    gas: 100_000n,
    maxPriorityFeePerGas: 10_000_000_000n,
    maxFeePerGas: 200_000_000_000n,
  });
  await world.chain.mine();
  await world.chain.setAutomine(true);
  expect(await outcome).toMatchObject({ kind: 'refused', payment: { failReason: 'insufficient_funds' } });
  expect((await world.transactions()).at(-1)).toMatchObject({ state: 'dropped', fee_wei: null });
  world.node.hides.clear();
  await eventually('it is seen', async () => (await world.transactions()).at(-1)?.state === 'reverted');
  await expectEnd([EXECUTED, broadcast(), requeued(), failed(2), gas()]);
});

it('leaves payTo with the price of each payment that was made', async () => {
  const paid = journal.filter((lines) => !lines.includes(failed(2))).length;
  expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC * BigInt(paid));
});

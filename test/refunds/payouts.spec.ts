import { encodeFunctionData, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import type { Hex, RefundWallet } from '@tollbox/refunds/application/ports/refund-wallet';
import { RefundWorld, staffKey } from '../support/refunds/world';

let world: RefundWorld;
beforeAll(async () => {
  world = await RefundWorld.start();
});
afterAll(() => world.stop());

let wallets = 10;
let wallet: Hex;
beforeEach(() => {
  wallet = privateKeyToAccount(devPrivateKey(wallets++)).address.toLowerCase() as Hex;
});
afterEach(async () => {
  const leftovers = await world.refunds.list({ state: 'queued' }, 200, null);
  for (const { id } of leftovers.refunds) await world.refunds.reject(id, 'end of the test', staffKey());
  await world.pool.query(`UPDATE leases SET expires_at = now() - interval '1 s'`);
});

const order = async (amountAtomic: bigint) => world.request(await world.payment(wallet), amountAtomic);
const stateOf = async (id: string) => (await world.refunds.show(id)).state;
const eventsOf = async (id: string) => (await world.refunds.show(id)).events.map(({ kind }) => kind);

/** The wallet, of which some calls do something else. */
const changed =
  (change: Partial<RefundWallet>) =>
  (real: RefundWallet): RefundWallet =>
    Object.assign(Object.create(real) as RefundWallet, change);
const cannotSend = changed({ send: () => Promise.reject(new Error('the node is gone')) });

async function token(name: 'blacklist' | 'unBlacklist', account: Hex): Promise<void> {
  const data = encodeFunctionData({
    abi: parseAbi(['function blacklist(address)', 'function unBlacklist(address)']),
    functionName: name,
    args: [account],
  });
  await world.chain.rpc('eth_sendTransaction', [
    { from: privateKeyToAccount(devPrivateKey(9)).address, to: world.chain.usdc, data },
  ]);
}

describe('the payout of a refund', () => {
  it('moves the money once, books it with its gas, and keeps the receipt', async () => {
    await world.fund(5_000n);
    const worker = world.worker();
    const refund = await order(5_000n);
    await worker.pass();
    expect(await stateOf(refund.id)).toBe('broadcast');
    await worker.pass();
    await worker.pass();
    const paid = await world.refunds.show(refund.id);
    expect(paid).toMatchObject({ state: 'paid', fail_reason: null });
    expect(paid.transaction_hash).toMatch(/^0x[0-9a-f]{64}$/);
    expect(await world.balance(wallet)).toBe(5_000n);
    expect(await world.books(refund.id)).toEqual({ refunds: 5_000n, refunds_due: 0n, refund_float: -5_000n });
    const { rows } = await world.pool.query<{ booked: boolean }>(
      `SELECT j.amount = t.gas_used * t.effective_gas_price_wei AS booked FROM journal j JOIN refund_transactions t ON t.refund_id = j.subject
       WHERE j.subject = $1 AND j.event = 'refund_gas'`,
      [refund.id],
    );
    expect(rows).toEqual([{ booked: true }]);
    expect(await eventsOf(refund.id)).toEqual(['requested', 'approved', 'stored', 'paid']);
  });

  it('that the float does not cover waits, and those behind it go on', async () => {
    await world.fund(1_000n);
    const worker = world.worker();
    const [large, small] = [await order(50_000n), await order(1_000n)];
    await worker.pass();
    await worker.pass();
    expect(await world.refunds.show(large.id)).toMatchObject({
      state: 'queued',
      waiting_reason: 'the refund wallet has too little USDC',
    });
    expect(await stateOf(small.id)).toBe('paid');
    await world.fund(50_000n);
    await worker.pass();
    await worker.pass();
    expect(await world.refunds.show(large.id)).toMatchObject({ state: 'paid', waiting_reason: null });
    expect(await world.balance(wallet)).toBe(51_000n);
  });

  it('starts no more than the float covers at once', async () => {
    await world.fund(1_500n);
    await world.chain.setAutomine(false);
    const worker = world.worker();
    const refunds = [await order(1_000n), await order(1_000n), await order(500n)];
    await worker.pass();
    await worker.pass();
    expect(await Promise.all(refunds.map(({ id }) => stateOf(id)))).toEqual(['broadcast', 'queued', 'broadcast']);
    await world.chain.setAutomine(true);
    await world.mine(1);
    await worker.pass();
    expect(await world.balance(wallet)).toBe(1_500n);
  });

  it('that the token would refuse waits with its reason and spends no gas, and can be withdrawn', async () => {
    await world.fund(300n);
    await token('blacklist', wallet);
    const worker = world.worker();
    const refund = await order(300n);
    await worker.pass();
    expect(await world.refunds.show(refund.id)).toMatchObject({
      state: 'queued',
      waiting_reason: expect.stringContaining('blacklisted') as unknown,
    });
    await world.refunds.reject(refund.id, 'the wallet is blacklisted', staffKey());
    expect(await world.books(refund.id)).toEqual({ refunds: 0n, refunds_due: 0n });
    await worker.pass();
    expect(await stateOf(refund.id)).toBe('rejected');
  });

  it('that the chain reverts has failed, once its block is deep enough, and is owed no more', async () => {
    await world.fund(700n);
    const refund = await order(700n);
    await world.worker('dies', cannotSend).pass();
    await token('blacklist', wallet);
    const worker = world.worker('dies');
    await worker.pass();
    await worker.pass();
    expect(await stateOf(refund.id)).toBe('broadcast');
    await world.mine(1);
    await worker.pass();
    expect(await world.refunds.show(refund.id)).toMatchObject({ state: 'failed', fail_reason: 'the transaction was reverted' });
    expect(await world.books(refund.id)).toEqual({ refunds: 0n, refunds_due: 0n });
  });
});

describe('a worker', () => {
  it('that dies after storing leaves bytes that the next one sends as they are', async () => {
    await world.fund(2_000n);
    const refund = await order(2_000n);
    const dead = world.worker('dead', cannotSend);
    await dead.pass();
    const { transaction_hash: hash } = await world.refunds.show(refund.id);
    await dead.die();
    const next = world.worker('next');
    await next.pass();
    await next.pass();
    expect(await world.refunds.show(refund.id)).toMatchObject({ state: 'paid', transaction_hash: hash });
    expect(await world.balance(wallet)).toBe(2_000n);
  });

  it('that lost its lease stores nothing', async () => {
    await world.fund(10n);
    const refund = await order(10n);
    const slow = world.worker('slow');
    const lease = await slow.lease();
    await slow.die();
    await world.worker('quick').lease();
    await expect(slow.runner.loop.pass(lease)).rejects.toThrow('is lost');
    expect(await stateOf(refund.id)).toBe('queued');
  });

  it('beside another pays each refund once', async () => {
    await world.fund(21_000n);
    const refunds = await Promise.all([1_000n, 2_000n, 3_000n, 4_000n, 5_000n, 6_000n].map(order));
    const workers = ['one', 'two', 'three'].map((name) => world.worker(name).runner);
    workers.forEach((runner) => runner.onApplicationBootstrap());
    const isPaid = async () => (await Promise.all(refunds.map(({ id }) => stateOf(id)))).every((state) => state === 'paid');
    for (let look = 0; look < 300 && !(await isPaid()); look += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    await Promise.all(workers.map((runner) => runner.beforeApplicationShutdown()));
    expect(await isPaid()).toBe(true);
    expect(await world.balance(wallet)).toBe(21_000n);
    expect(await world.books(...refunds.map(({ id }) => id))).toEqual({
      refunds: 21_000n,
      refunds_due: 0n,
      refund_float: -21_000n,
    });
  });
});

describe('a payout whose end is not seen', () => {
  it('is sent again when the chain dropped it, and is paid once', async () => {
    await world.fund(4_000n);
    await world.chain.setAutomine(false);
    const worker = world.worker();
    const refund = await order(4_000n);
    await worker.pass();
    const { transaction_hash: hash } = await world.refunds.show(refund.id);
    await world.chain.rpc('anvil_dropTransaction', [hash]);
    await world.mine(1);
    await new Promise((resolve) => setTimeout(resolve, 30)); // past REFUND_REBROADCAST_AFTER_MS
    await worker.pass();
    await world.chain.setAutomine(true);
    await world.mine(1);
    await worker.pass();
    expect(await world.refunds.show(refund.id)).toMatchObject({ state: 'paid', transaction_hash: hash });
    expect(await world.balance(wallet)).toBe(4_000n);
  });

  const GWEI = 1_000_000_000n;
  const mineAt = async (baseFeeWei: bigint) => {
    await world.chain.rpc('anvil_setNextBlockBaseFeePerGas', [`0x${baseFeeWei.toString(16)}`]);
    await world.mine(1);
  };
  const isOld = (id: string) =>
    world.pool.query(`UPDATE refund_transactions SET stored_at = stored_at - interval '20 s' WHERE refund_id = $1`, [id]);
  const bytesOf = async (id: string) => {
    const { rows } = await world.pool.query<{
      state: string;
      transaction_hash: string;
      evm_nonce: string;
      raw_transaction: string;
    }>(
      'SELECT state, transaction_hash, evm_nonce, raw_transaction FROM refund_transactions WHERE refund_id = $1 ORDER BY replacement',
      [id],
    );
    return rows;
  };
  /** The gas of the bytes that were mined, and nothing else. */
  const booksGasOnce = async (id: string) => {
    const { rows } = await world.pool.query<{ booked: boolean }>(
      `SELECT j.amount = t.gas_used * t.effective_gas_price_wei AS booked FROM journal j
       JOIN refund_transactions t ON t.refund_id = j.subject AND t.state = 'succeeded' WHERE j.subject = $1 AND j.event = 'refund_gas'`,
      [id],
    );
    expect(rows).toEqual([{ booked: true }]);
  };

  /** Sent, and then gas costs more than it offers: other bytes with the same nonce are stored, and sent if they can be. */
  async function stuck(amountAtomic: bigint, canSend = true) {
    await world.fund(amountAtomic);
    await world.chain.setAutomine(false);
    await mineAt(GWEI);
    const refund = await order(amountAtomic);
    await world.worker().pass();
    await mineAt((GWEI * 22n) / 10n);
    await isOld(refund.id);
    await world.worker('worker-1', canSend ? undefined : cannotSend).pass();
    expect(await stateOf(refund.id)).toBe('broadcast');
    const bytes = await bytesOf(refund.id);
    expect(bytes).toHaveLength(2);
    expect(bytes[1]?.evm_nonce).toBe(bytes[0]?.evm_nonce);
    return { refund, first: bytes[0], second: bytes[1] };
  }

  it('is replaced at a better price when gas gets dear, and paid and booked once', async () => {
    const { refund, second } = await stuck(450n);
    await mineAt((GWEI * 22n) / 10n);
    await world.worker().pass();
    expect(await world.refunds.show(refund.id)).toMatchObject({ state: 'paid', transaction_hash: second?.transaction_hash });
    expect((await bytesOf(refund.id)).map(({ state }) => state)).toEqual(['replaced', 'succeeded']);
    expect(await eventsOf(refund.id)).toEqual(['requested', 'approved', 'stored', 'price_raised', 'paid']);
    await booksGasOnce(refund.id);
    expect(await world.balance(wallet)).toBe(450n);
    expect(await world.books(refund.id)).toEqual({ refunds: 450n, refunds_due: 0n, refund_float: -450n });
    await world.chain.setAutomine(true);
  });

  it('is found under its first price also, when that is the one that is mined', async () => {
    const { refund, first } = await stuck(460n, false);
    await mineAt(GWEI);
    await world.chain.rpc('eth_sendRawTransaction', [first?.raw_transaction]); // anvil forgets what a block could not pay
    await mineAt(GWEI);
    await world.worker().pass();
    expect(await world.refunds.show(refund.id)).toMatchObject({ state: 'paid', transaction_hash: first?.transaction_hash });
    expect((await bytesOf(refund.id)).map(({ state }) => state)).toEqual(['succeeded', 'replaced']);
    await booksGasOnce(refund.id);
    await world.chain.setAutomine(true);
    await world.mine(1);
    await world.worker().pass();
    expect(await world.balance(wallet)).toBe(460n);
  });

  it('waits as it is above the ceiling', async () => {
    await world.fund(470n);
    await world.chain.setAutomine(false);
    await mineAt(GWEI);
    const refund = await order(470n);
    await world.worker().pass();
    await mineAt(GWEI * 30n);
    await isOld(refund.id);
    await world.worker().pass();
    expect(await bytesOf(refund.id)).toHaveLength(1);
    await mineAt(GWEI);
    await world.pool.query(
      `UPDATE refund_transactions SET sent_at = sent_at - interval '1 s', stored_at = now() WHERE refund_id = $1`,
      [refund.id],
    );
    await world.worker().pass();
    await mineAt(GWEI);
    await world.worker().pass();
    expect(await stateOf(refund.id)).toBe('paid');
    await world.chain.setAutomine(true);
  });

  it('is unknown after a while, and only the chain resolves it', async () => {
    await world.fund(600n);
    await world.chain.setAutomine(false);
    const refund = await order(600n);
    const worker = world.worker();
    await worker.pass();
    await world.pool.query(`UPDATE refund_transactions SET stored_at = stored_at - interval '1 hour' WHERE refund_id = $1`, [
      refund.id,
    ]);
    await worker.pass();
    expect(await stateOf(refund.id)).toBe('unknown');
    await world.worker('worker-1', changed({ mined: () => Promise.reject(new Error('the node is gone')) })).pass();
    expect(await stateOf(refund.id)).toBe('unknown');
    await expect(world.refunds.reject(refund.id, 'no patience', staffKey())).rejects.toMatchObject({ code: 'conflict' });
    await world.chain.setAutomine(true);
    await world.mine(1);
    await worker.pass();
    expect(await stateOf(refund.id)).toBe('paid');
    expect(await world.balance(wallet)).toBe(600n);
  });

  it('is queued again when another transaction has its nonce for good, and is paid once', async () => {
    await world.fund(800n);
    const refund = await order(800n);
    await world.worker('worker-1', cannotSend).pass();
    const { rows } = await world.pool.query<{ evm_nonce: string }>(
      `SELECT evm_nonce FROM refund_transactions WHERE refund_id = $1`,
      [refund.id],
    );
    const real = world.wallet();
    const other = await real.sign(
      { to: real.address, amountAtomic: 1n },
      BigInt(rows[0]?.evm_nonce ?? 0),
      120_000n,
      await real.fees(),
    );
    await real.send(other.raw);
    const worker = world.worker('worker-1');
    await worker.pass();
    expect(await stateOf(refund.id)).toBe('broadcast'); // the other one's block is the newest
    await world.mine(1);
    await worker.pass(); // first sight
    await worker.pass(); // second: dropped, and started anew
    await worker.pass();
    expect(await stateOf(refund.id)).toBe('paid');
    expect(await eventsOf(refund.id)).toEqual(['requested', 'approved', 'stored', 'displaced', 'stored', 'paid']);
    expect(await world.balance(wallet)).toBe(800n);
  });

  it('is on its way again when its block is lost, in the books too', async () => {
    await world.fund(900n);
    const worker = world.worker();
    const refund = await order(900n);
    await worker.pass();
    await worker.pass();
    expect(await stateOf(refund.id)).toBe('paid');
    await world.mine(1);
    await world.chain.rpc('anvil_reorg', [2, []]);
    await worker.pass();
    expect(['broadcast', 'paid']).toContain(await stateOf(refund.id));
    await worker.pass();
    await worker.pass();
    expect(await stateOf(refund.id)).toBe('paid');
    expect(await eventsOf(refund.id)).toContain('block_lost');
    expect(await world.balance(wallet)).toBe(900n);
    expect(await world.books(refund.id)).toEqual({ refunds: 900n, refunds_due: 0n, refund_float: -900n });
  });
});

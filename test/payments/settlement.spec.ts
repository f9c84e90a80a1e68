import { setTimeout as sleep } from 'node:timers/promises';
import { createWalletClient, http, parseAbi, type Hex, type PrivateKeyAccount } from 'viem';
import { baseSepolia } from 'viem/chains';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { transferCallData } from '@tollbox/payments/infrastructure/transfer-call';
import { PaymentsHarness, NETWORK, PAY_TO, PRICE_ATOMIC } from '../support/payments/harness';
import {
  broadcast,
  EXECUTED,
  expired,
  gas,
  PAID,
  PAID_AFTER_REORG,
  PAID_BY_OTHERS,
  REFUSED,
  requeued,
  settled,
  times,
} from '../support/payments/bookings';
import { accountOf, randomNonce, signAuthorization, signCancellation, v2Header } from '../support/payments/sign';

let world: PaymentsHarness;
beforeEach(async () => {
  world = await PaymentsHarness.start();
});
afterEach(async () => {
  await world.stop();
});

const wallet = (account: PrivateKeyAccount) =>
  createWalletClient({ account, chain: baseSepolia, transport: http(world.chain.rpcUrl) });
const elsewhere = accountOf(devPrivateKey(7));

/** With no settler running a payment stays queued, and its request waits. */
const isQueued = (): Promise<void> => untilState('queued');

/** Waits for the state that a settler brings about. */
async function untilState(state: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if ((await world.states())[state] === 1) return;
    await sleep(20);
  }
  throw new Error(`no payment became ${state}: ${JSON.stringify(await world.states())}`);
}

async function feeWeiOf(hash: Hex): Promise<bigint> {
  const receipt = (await world.chain.rpc('eth_getTransactionReceipt', [hash])) as { gasUsed: Hex; effectiveGasPrice: Hex };
  return BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
}

async function signedHeader(payer: PrivateKeyAccount, options: { validBefore?: bigint; nonce?: `0x${string}` } = {}) {
  const signed = await signAuthorization({ network: NETWORK, payer, payTo: PAY_TO, amountAtomic: PRICE_ATOMIC, ...options });
  return { ...signed, header: v2Header(NETWORK, signed.authorization, signed.signature) };
}

describe('between claim and settlement the payer', () => {
  it('empties the wallet: refused, no answer, the work is taken back, no gas is spent', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const { header } = await signedHeader(payer);
    const outcome = world.pay(header);
    await isQueued();
    await wallet(payer).writeContract({
      address: NETWORK.usdc,
      abi: parseAbi(['function transfer(address to, uint256 value) returns (bool)']),
      functionName: 'transfer',
      args: [elsewhere.address, PRICE_ATOMIC],
    });
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'refused', payment: { state: 'failed', failReason: 'insufficient_funds' } });
    while (world.operation.revoked.length === 0) await sleep(20);
    expect(world.operation.revoked).toEqual(world.operation.runs);
    expect((await world.pool.query('SELECT 1 FROM settlement_transactions')).rowCount).toBe(0);
    expect(await world.pay(header)).toMatchObject({ kind: 'refused' }); // and stays so
    await world.expectBooks([REFUSED]);
  });

  it('cancels the authorization: refused', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const { header, authorization } = await signedHeader(payer);
    const outcome = world.pay(header);
    await isQueued();
    const { r, s, yParity } = await signCancellation(NETWORK, payer, authorization.nonce);
    await wallet(payer).writeContract({
      address: NETWORK.usdc,
      abi: parseAbi(['function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)']),
      functionName: 'cancelAuthorization',
      args: [payer.address, authorization.nonce, 27 + yParity, r, s],
    });
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'refused', payment: { failReason: 'authorization_canceled' } });
    await world.expectBooks([REFUSED]);
  });

  it('submits it himself: settled, with his transaction', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const { header, authorization, signature } = await signedHeader(payer);
    const outcome = world.pay(header);
    await isQueued();
    const hash = await wallet(elsewhere).sendTransaction({ to: NETWORK.usdc, data: transferCallData(authorization, signature) });
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'paid', payment: { state: 'settled', transactionHash: hash } });
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC);
    await world.expectBooks([PAID_BY_OTHERS]);
  });

  it('spends the same nonce elsewhere: refused', async () => {
    const payer = await world.payer(PRICE_ATOMIC * 2n);
    const nonce = randomNonce();
    const { header } = await signedHeader(payer, { nonce });
    const outcome = world.pay(header);
    await isQueued();
    const other = await signAuthorization({
      network: NETWORK,
      payer,
      payTo: elsewhere.address,
      amountAtomic: PRICE_ATOMIC,
      nonce,
    });
    await wallet(elsewhere).sendTransaction({ to: NETWORK.usdc, data: transferCallData(other.authorization, other.signature) });
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'refused', payment: { failReason: 'authorization_used_elsewhere' } });
    expect(await world.chain.balanceOf(PAY_TO)).toBe(0n);
    await world.expectBooks([REFUSED]);
  });

  it('has used the nonce before the claim: rejected, nothing runs', async () => {
    const payer = await world.payer(PRICE_ATOMIC * 2n);
    const { header, authorization, signature } = await signedHeader(payer);
    await wallet(elsewhere).sendTransaction({ to: NETWORK.usdc, data: transferCallData(authorization, signature) });
    expect(await world.pay(header)).toMatchObject({ kind: 'rejected', rejection: { reason: 'invalid_transaction_state' } });
    expect(world.operation.runs).toHaveLength(0);
    await world.expectBooks([]); // what he moved is part of the opening balance
  });
});

describe('the settler', () => {
  it('expires what it reaches too late', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const nowS = BigInt(Math.floor(Date.now() / 1000));
    const { header } = await signedHeader(payer, { validBefore: nowS + 25n });
    const outcome = world.pay(header);
    await isQueued();
    await world.chain.rpc('evm_setNextBlockTimestamp', [Number(nowS) + 60]);
    await world.chain.mine();
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'refused', payment: { state: 'expired' } });
    expect(await world.chain.balanceOf(PAY_TO)).toBe(0n);
    await world.expectBooks([[EXECUTED, expired()]]);
  });

  it('answers 503 and not 402 while the outcome is open, and the answer once the block is there', async () => {
    await world.stop();
    world = await PaymentsHarness.start({ SETTLEMENT_CONFIRM_WAIT_MS: '1000', SETTLEMENT_UNKNOWN_AFTER_MS: '1000' });
    const payer = await world.payer(PRICE_ATOMIC);
    const { header } = await signedHeader(payer);
    await world.chain.setAutomine(false);
    world.startSettler();
    expect(await world.pay(header)).toMatchObject({
      kind: 'error',
      error: { code: 'settlement_pending', retryAfterSeconds: 2 },
      charged: 'unknown',
    });
    await untilState('unknown');
    await world.chain.mine();
    expect(await world.pay(header)).toMatchObject({ kind: 'paid', payment: { state: 'settled' } });
    expect(world.operation.runs).toHaveLength(1);
    await world.expectBooks([PAID]);
  });

  it('sends again, after a restart, the bytes that a dead worker stored and never sent', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const { header } = await signedHeader(payer);
    const outcome = world.pay(header);
    await isQueued();
    const { hash } = await storeAsDeadWorker({ send: false });
    world.startSettler('worker-2');
    expect(await outcome).toMatchObject({ kind: 'paid', payment: { transactionHash: hash } });
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC);
    await world.expectBooks([PAID]);
  });

  it('finds, after a restart, the transaction that a dead worker sent', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const { header } = await signedHeader(payer);
    const outcome = world.pay(header);
    await isQueued();
    const { hash } = await storeAsDeadWorker({ send: true });
    world.startSettler('worker-2');
    expect(await outcome).toMatchObject({ kind: 'paid', payment: { transactionHash: hash } });
    expect((await world.pool.query('SELECT 1 FROM settlement_transactions')).rowCount).toBe(1);
    await world.expectBooks([PAID]);
  });

  it('never passes a nonce that is stored, and queues a payment again whose nonce was taken by another transaction', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const { header } = await signedHeader(payer);
    const outcome = world.pay(header);
    await isQueued();
    const { hash } = await storeAsDeadWorker({ send: false });
    // The key is used behind our back, with the nonce of the stored transaction.
    const behindOurBack = await wallet(accountOf(devPrivateKey(0))).sendTransaction({ to: elsewhere.address, value: 1n });
    world.startSettler('worker-2');
    expect((await outcome).kind).toBe('paid');
    await world.stopSettler(); // it records the mined transaction after the payment
    const { rows } = await world.pool.query(
      'SELECT transaction_hash, state, evm_nonce FROM settlement_transactions ORDER BY stored_at',
    );
    expect(rows).toMatchObject([
      { transaction_hash: hash, state: 'dropped', evm_nonce: '0' },
      { state: 'succeeded', evm_nonce: '1' },
    ]);
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC);
    const displaced = [EXECUTED, broadcast(), requeued(), broadcast(2), settled(2), gas(2)];
    await world.expectBooks([displaced], { spentOutsideWei: 1n + (await feeWeiOf(behindOurBack)) });
  });

  it('lets one of two workers sign, and stores nothing under a fence that is over', async () => {
    const first = await world.settlements.acquireLease('settler:test', 'worker-1', 60_000);
    expect(await world.settlements.acquireLease('settler:test', 'worker-2', 60_000)).toBeNull();
    await world.pool.query(`UPDATE leases SET expires_at = now() - interval '1 second'`);
    const second = await world.settlements.acquireLease('settler:test', 'worker-2', 60_000);
    expect(second!.fence).toBe(first!.fence + 1n);
    const payer = await world.payer(PRICE_ATOMIC);
    const outcome = world.pay((await signedHeader(payer)).header);
    await isQueued();
    const [key] = world.wallets();
    const { fees } = await key!.look();
    const selection = { limit: 1, order: 'deadline_first', except: [] } as const;
    await expect(
      world.settlements.takeQueued(selection, (payments, storeBatch) =>
        storeBatch(first!, key!.address, payments, async (evmNonce) => ({
          ...(await key!.signTransfers(payments, evmNonce, fees)),
          evmNonce,
          runsPayerCode: false,
        })),
      ),
    ).rejects.toThrow('held by another process');
    expect((await world.pool.query('SELECT 1 FROM settlement_transactions')).rowCount).toBe(0);
    expect(await world.states()).toEqual({ queued: 1 });
    world.startSettler();
    expect((await outcome).kind).toBe('paid');
    await world.expectBooks([PAID]);
  });

  it('settles everything once with two workers on one database', async () => {
    world.startSettler('worker-1');
    const other = world.startSettler('worker-2');
    const payer = await world.payer(PRICE_ATOMIC * 10n);
    const headers = await Promise.all(Array.from({ length: 10 }, () => world.header(payer)));
    const outcomes = await Promise.all(headers.map((header) => world.pay(header)));
    expect(outcomes.every((outcome) => outcome.kind === 'paid')).toBe(true);
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC * 10n);
    expect(await world.settledAtomic()).toBe(PRICE_ATOMIC * 10n);
    await other.beforeApplicationShutdown();
    await world.expectBooks(times(10, PAID));
  });

  it('queues a settled payment again when its block is lost, and settles it in another', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const { header } = await signedHeader(payer);
    const snapshot = await world.chain.rpc('evm_snapshot');
    world.startSettler();
    expect((await world.pay(header)).kind).toBe('paid');
    await world.chain.rpc('evm_revert', [snapshot]);
    await world.chain.mine(2);
    expect(await world.chain.balanceOf(PAY_TO)).toBe(0n);
    while (!(await world.eventKinds()).includes('block_lost')) await sleep(50);
    await untilState('settled');
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC);
    expect((await world.pay(header)).kind).toBe('paid');
    expect(world.operation.runs).toHaveLength(1);
    await world.expectBooks([PAID_AFTER_REORG]);
  });

  it('ends no batch while a payment of it is open that its follower did not see', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const outcome = world.pay((await signedHeader(payer)).header);
    await isQueued();
    const { hash } = await storeAsDeadWorker({ send: true });
    const [key] = world.wallets();
    const [mined] = await key!.receipts([hash]);
    const [batch] = await world.settlements.listOpen(key!.address);
    expect(mined?.succeeded).toBe(true);
    // As one that read the payments while they were settled, before their block was lost.
    expect(await world.settlements.conclude(batch!.id, hash, mined!, [])).toBe(false);
    expect(await world.settlements.drop(batch!.id, [])).toBe(false);
    expect(await world.settlements.listOpen(key!.address)).toHaveLength(1);
    world.startSettler();
    expect((await outcome).kind).toBe('paid');
    await world.expectBooks([PAID]);
  });

  async function storeAsDeadWorker(options: { send: boolean }): Promise<{ hash: `0x${string}` }> {
    const [key] = world.wallets();
    const lease = await world.settlements.acquireLease(`settler:base-sepolia:${key!.address}`, 'dead-worker', 1_000);
    const { fees, pendingNonce } = await key!.look();
    const selection = { limit: 1, order: 'deadline_first', except: [] } as const;
    const [stored] = await world.settlements.takeQueued(selection, async (payments, storeBatch) => {
      const batch = await storeBatch(lease!, key!.address, payments, async () => ({
        ...(await key!.signTransfers(payments, pendingNonce, fees)),
        evmNonce: pendingNonce,
        runsPayerCode: false,
      }));
      return batch.bytes;
    });
    if (options.send) await key!.send([stored!.raw]);
    return { hash: stored!.hash };
  }
});

describe('a node that lags behind the others', () => {
  const height = async (): Promise<bigint> => BigInt((await world.chain.rpc('eth_blockNumber')) as string);

  it('does not turn a payment that the payer submitted himself into a refusal', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const { header, authorization, signature } = await signedHeader(payer);
    const outcome = world.pay(header);
    await isQueued();
    world.node.stateAtBlock = await height();
    const hash = await wallet(elsewhere).sendTransaction({ to: NETWORK.usdc, data: transferCallData(authorization, signature) });
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'paid', payment: { transactionHash: hash } });
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC);
    expect(await world.settledAtomic()).toBe(PRICE_ATOMIC);
    await world.expectBooks([PAID]); // ours was sent as well, and moved nothing
  });

  it('leaves a payment open whose top-up it has not seen', async () => {
    const beforeTopUp = await height();
    const payer = await world.payer(PRICE_ATOMIC);
    const outcome = world.pay((await signedHeader(payer)).header);
    await isQueued();
    world.node.stateAtBlock = beforeTopUp;
    world.startSettler();
    await sleep(500);
    expect(await world.states()).toEqual({ queued: 1 });
    world.node.stateAtBlock = null;
    expect((await outcome).kind).toBe('paid');
    await world.expectBooks([PAID]);
  });

  it('leaves a payment open whose used nonce shows no event yet', async () => {
    const payer = await world.payer(PRICE_ATOMIC);
    const { header, authorization, signature } = await signedHeader(payer);
    const outcome = world.pay(header);
    await isQueued();
    await wallet(elsewhere).sendTransaction({ to: NETWORK.usdc, data: transferCallData(authorization, signature) });
    world.node.hidesEvents = true;
    world.startSettler();
    await sleep(500);
    expect(await world.states()).toEqual({ queued: 1 });
    world.node.hidesEvents = false;
    expect((await outcome).kind).toBe('paid');
    await world.expectBooks([PAID_BY_OTHERS]);
  });
});

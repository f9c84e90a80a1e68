import { setTimeout as sleep } from 'node:timers/promises';
import { createWalletClient, http, parseAbi, type PrivateKeyAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { baseSepolia } from 'viem/chains';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { FacilitatorRepository } from '@tollbox/payments/infrastructure/facilitator.repository';
import { HttpFacilitator } from '@tollbox/payments/infrastructure/http-facilitator';
import { transferCallData } from '@tollbox/payments/infrastructure/transfer-call';
import { NETWORKS } from '@tollbox/payments/domain/networks';
import { FacilitatorServer } from '../support/payments/facilitator-server';
import { NETWORK, PAY_TO, PaymentsHarness, PRICE_ATOMIC } from '../support/payments/harness';
import { signAuthorization, v2Header, signCancellation } from '../support/payments/sign';

const FEE_ATOMIC = 7n;
const TIMEOUT_MS = 1_000;
const AUTHORIZATION = 'Bearer of-the-facilitator';

let world: PaymentsHarness;
let facilitator: FacilitatorServer;

async function open(kind: 'embedded' | 'remote'): Promise<void> {
  world = await PaymentsHarness.start({
    SETTLEMENT_UNKNOWN_AFTER_MS: '1000',
    FACILITATOR_TIMEOUT_MS: String(TIMEOUT_MS),
  });
  facilitator = await FacilitatorServer.start(world.chain.rpcUrl, 400);
  if (kind === 'remote') {
    const journal = new Journal(NETWORK.caip2);
    world.remote = {
      facilitator: client(),
      store: new FacilitatorRepository(world.application, NETWORK.caip2, journal, FEE_ATOMIC),
    };
  }
}

const client = (network = NETWORK) =>
  new HttpFacilitator({ url: facilitator.url, network, timeoutMs: TIMEOUT_MS, authorization: AUTHORIZATION });

async function close(): Promise<void> {
  await facilitator.stop();
  await world.stop();
}

/** A new wallet with the price of one call, and gas to act by itself. */
async function payerWithMoney(): Promise<PrivateKeyAccount> {
  const account = privateKeyToAccount(generatePrivateKey());
  await Promise.all([
    world.chain.mint(account.address, PRICE_ATOMIC),
    world.chain.rpc('anvil_setBalance', [account.address, '0xde0b6b3a7640000']),
  ]);
  return account;
}

async function signedCall(payer: PrivateKeyAccount) {
  const signed = await signAuthorization({ network: NETWORK, payer, payTo: PAY_TO, amountAtomic: PRICE_ATOMIC });
  return { ...signed, header: v2Header(NETWORK, signed.authorization, signed.signature) };
}

const wallet = (account: PrivateKeyAccount) =>
  createWalletClient({ account, chain: baseSepolia, transport: http(world.chain.rpcUrl) });

async function until<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
  for (let tries = 0; tries < 500; tries++) {
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false) return seen;
    await sleep(20);
  }
  throw new Error(`not seen: ${what}; ${JSON.stringify(await world.states())}; ${world.problems.slice(-5).join('; ')}`);
}

interface PaymentView {
  id: string;
  state: string;
  round: number;
  transaction_hash: string | null;
}

async function paymentOf(payer: PrivateKeyAccount): Promise<PaymentView | undefined> {
  const { rows } = await world.pool.query<PaymentView>(
    'SELECT id, state, round, transaction_hash FROM payments WHERE payer = $1',
    [payer.address.toLowerCase()],
  );
  return rows[0];
}

const inState = (payer: PrivateKeyAccount, state: string): Promise<PaymentView> =>
  until(`a payment that is ${state}`, async () => {
    const payment = await paymentOf(payer);
    return payment?.state === state ? payment : null;
  });

/** What the books say of the payment, without gas and fees, which depend on who settles. */
async function booked(payer: PrivateKeyAccount): Promise<string[]> {
  const payment = await paymentOf(payer);
  const { rows } = await world.pool.query<{ line: string }>(
    `SELECT journal.event || ' ' || journal.round || ': ' || debit.code || ' < ' || credit.code || ' ' || journal.amount AS line
     FROM journal JOIN ledger_accounts debit ON debit.id = debit_account JOIN ledger_accounts credit ON credit.id = credit_account
     WHERE subject = $1 AND event NOT IN ('gas', 'facilitator_fee') ORDER BY journal.id`,
    [payment?.id],
  );
  return rows.map(({ line }) => line);
}

async function feesOf(payer: PrivateKeyAccount): Promise<string[]> {
  const payment = await paymentOf(payer);
  const { rows } = await world.pool.query<{ amount: string }>(
    `SELECT journal.amount FROM journal JOIN ledger_accounts debit ON debit.id = debit_account
     WHERE subject = $1 AND debit.code = 'facilitator_fees'`,
    [payment?.id],
  );
  return rows.map(({ amount }) => amount);
}

async function eventsOf(payer: PrivateKeyAccount): Promise<string[]> {
  const payment = await paymentOf(payer);
  const { rows } = await world.pool.query<{ kind: string }>('SELECT kind FROM payment_events WHERE payment_id = $1 ORDER BY id', [
    payment?.id,
  ]);
  return rows.map(({ kind }) => kind);
}

const EXECUTED = 'executed 1: authorized < revenue:test.count 1000';
const BROADCAST = 'broadcast 1: in_flight < authorized 1000';
const SETTLED = 'settled 1: treasury < in_flight 1000';
/** What every case ends with. */
async function reconciled(): Promise<void> {
  await until('the end of every transaction', async () =>
    (await world.transactions()).every(({ state }) => state !== 'stored' && state !== 'sent'),
  );
  await world.stopSettler();
  await world.expectCleanBooks();
}
const received = (): Promise<bigint> => world.chain.balanceOf(PAY_TO);

describe.each(['embedded', 'remote'] as const)('the %s facilitator', (kind) => {
  beforeAll(() => open(kind));
  afterAll(close);
  afterEach(reconciled);

  it('settles a payment, and the books follow it', async () => {
    const payer = await payerWithMoney();
    const before = await received();
    world.startSettler();
    const { header } = await signedCall(payer);
    const outcome = await world.pay(header);
    expect(outcome).toMatchObject({ kind: 'paid', payment: { state: 'settled' } });
    expect((await received()) - before).toBe(PRICE_ATOMIC);
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
    expect((await eventsOf(payer)).filter((event) => event !== 'facilitator_answered').slice(-2)).toEqual([
      'broadcast',
      'settled',
    ]);
  });

  it('settles a twin once', async () => {
    const payer = await payerWithMoney();
    const before = await received();
    world.startSettler();
    const { header } = await signedCall(payer);
    const outcomes = await Promise.all([world.pay(header), world.pay(header, {}, 'gateway-2')]);
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['paid', 'paid']);
    expect((await received()) - before).toBe(PRICE_ATOMIC);
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
  });

  it('refuses when the wallet is empty, and takes the revenue back', async () => {
    const payer = await payerWithMoney();
    const { header } = await signedCall(payer);
    const outcome = world.pay(header);
    await inState(payer, 'queued');
    await wallet(payer).writeContract({
      address: NETWORK.usdc,
      abi: parseAbi(['function transfer(address to, uint256 value) returns (bool)']),
      functionName: 'transfer',
      args: [NETWORK.usdc, PRICE_ATOMIC],
    });
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'refused', payment: { state: 'failed', failReason: 'insufficient_funds' } });
    expect(await booked(payer)).toEqual([EXECUTED, 'failed 1: revenue:test.count < authorized 1000']);
  });

  it('refuses when the authorization is canceled', async () => {
    const payer = await payerWithMoney();
    const { header, authorization } = await signedCall(payer);
    const outcome = world.pay(header);
    await inState(payer, 'queued');
    const { r, s, yParity } = await signCancellation(NETWORK, payer, authorization.nonce);
    await wallet(payer).writeContract({
      address: NETWORK.usdc,
      abi: parseAbi(['function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)']),
      functionName: 'cancelAuthorization',
      args: [payer.address, authorization.nonce, 27 + yParity, r, s],
    });
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'refused', payment: { failReason: 'authorization_canceled' } });
    expect(await booked(payer)).toEqual([EXECUTED, 'failed 1: revenue:test.count < authorized 1000']);
  });

  it('takes the money that the payer submitted himself', async () => {
    const payer = await payerWithMoney();
    const { header, authorization, signature } = await signedCall(payer);
    const outcome = world.pay(header);
    await inState(payer, 'queued');
    const hash = await wallet(payer).sendTransaction({ to: NETWORK.usdc, data: transferCallData(authorization, signature) });
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'paid', payment: { state: 'settled', transactionHash: hash } });
    expect(await booked(payer)).toEqual([EXECUTED, 'settled 1: treasury < authorized 1000']);
    expect(await feesOf(payer)).toEqual([]);
  });

  it('goes on when the node was down', async () => {
    const payer = await payerWithMoney();
    const { header } = await signedCall(payer);
    const outcome = world.pay(header);
    await inState(payer, 'queued');
    world.node.isDown = true;
    const problems = world.problems.length;
    world.startSettler();
    await until('a problem', () => Promise.resolve(world.problems.length > problems));
    expect((await paymentOf(payer))?.state).toBe('queued');
    world.node.isDown = false;
    expect(await outcome).toMatchObject({ kind: 'paid' });
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
  });

  // The last one: it moves the time of the chain.
  it('expires when it came too late, which is our loss', async () => {
    const payer = await payerWithMoney();
    const { header } = await signedCall(payer);
    const outcome = world.pay(header);
    await inState(payer, 'queued');
    await world.chain.rpc('evm_increaseTime', [400]);
    await world.chain.mine();
    world.startSettler();
    expect(await outcome).toMatchObject({ kind: 'refused', payment: { state: 'expired' } });
    expect(await booked(payer)).toEqual([EXECUTED, 'expired 1: expired_losses < authorized 1000']);
  });
});

describe('a remote facilitator', () => {
  beforeAll(() => open('remote'));
  afterAll(close);
  beforeEach(() => {
    facilitator.settleCalls = 0;
    world.startSettler();
  });
  afterEach(reconciled);

  it('that does not answer after it settled: unknown, then settled by the chain, and never asked again', async () => {
    const payer = await payerWithMoney();
    facilitator.faults.hangAfterSettling = 1;
    const { header } = await signedCall(payer);
    const before = await received();
    expect(await world.pay(header)).toMatchObject({ kind: 'paid', payment: { state: 'settled' } });
    expect(facilitator.settleCalls).toBe(1);
    expect((await received()) - before).toBe(PRICE_ATOMIC);
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
    await until('the fee', async () => (await feesOf(payer)).length === 1);
  });

  it('that answers 500 after it settled: settled by the chain, and never asked again', async () => {
    const payer = await payerWithMoney();
    facilitator.faults.errorAfterSettling = 1;
    const { header } = await signedCall(payer);
    expect(await world.pay(header)).toMatchObject({ kind: 'paid' });
    expect(facilitator.settleCalls).toBe(1);
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
  });

  it('that answers 500 before it did anything: unknown, asked again when the chain still shows nothing', async () => {
    const payer = await payerWithMoney();
    facilitator.faults.errorBeforeSettling = 1;
    const { header } = await signedCall(payer);
    const outcome = world.pay(header);
    await inState(payer, 'unknown');
    expect(await outcome).toMatchObject({ kind: 'paid' });
    expect(facilitator.settleCalls).toBe(2);
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
    expect(await eventsOf(payer)).toContain('outcome_unknown');
  });

  it('that has sent and seen no block: broadcast with the hash, settled when the chain has it', async () => {
    const payer = await payerWithMoney();
    const { header } = await signedCall(payer);
    await world.chain.setAutomine(false);
    const outcome = world.pay(header);
    const hash = await until('a stored hash', async () => {
      const { rows } = await world.pool.query<{ hash: string }>(
        `SELECT facilitator_submissions.transaction_hash AS hash FROM facilitator_submissions JOIN payments ON payments.id = payment_id
         WHERE payer = $1 AND answer = 'pending' AND state = 'broadcast'`,
        [payer.address.toLowerCase()],
      );
      return rows[0]?.hash;
    });
    await world.chain.setAutomine(true);
    await world.chain.mine();
    expect(await outcome).toMatchObject({ kind: 'paid', payment: { transactionHash: hash } });
    expect(facilitator.settleCalls).toBe(1);
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
  });

  it('that refuses what the chain would take: queued again, no payment is given up on its word', async () => {
    const payer = await payerWithMoney();
    facilitator.faults.refuse = 1;
    const { header } = await signedCall(payer);
    expect(await world.pay(header)).toMatchObject({ kind: 'paid', payment: { round: 2 } });
    expect(await booked(payer)).toEqual([
      EXECUTED,
      BROADCAST,
      'requeued 1: authorized < in_flight 1000',
      'broadcast 2: in_flight < authorized 1000',
      'settled 2: treasury < in_flight 1000',
    ]);
    await until('the fee', async () => (await feesOf(payer)).length === 1);
  });

  it('that claims a success which the chain does not show: not believed', async () => {
    const payer = await payerWithMoney();
    facilitator.faults.lie = 1;
    const { header } = await signedCall(payer);
    const before = await received();
    expect(await world.pay(header)).toMatchObject({ kind: 'paid' });
    expect(facilitator.settleCalls).toBe(2);
    expect((await received()) - before).toBe(PRICE_ATOMIC);
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
  });

  it('that says no to a question first: the payment waits in the queue', async () => {
    const payer = await payerWithMoney();
    facilitator.faults.refuseVerify = 2;
    const { header } = await signedCall(payer);
    expect(await world.pay(header)).toMatchObject({ kind: 'paid', payment: { round: 1 } });
    expect(facilitator.settleCalls).toBe(1);
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
  });

  it('that is down: payments wait in the queue and settle when it is back', async () => {
    const payer = await payerWithMoney();
    await facilitator.stop();
    const { header } = await signedCall(payer);
    const outcome = world.pay(header);
    const problems = world.problems.length;
    await until('a problem', () => Promise.resolve(world.problems.length > problems));
    expect((await paymentOf(payer))?.state).toBe('queued');
    await facilitator.listen();
    expect(await outcome).toMatchObject({ kind: 'paid' });
    expect(await booked(payer)).toEqual([EXECUTED, BROADCAST, SETTLED]);
  });

  it('books its fee once for what it settled', async () => {
    const payer = await payerWithMoney();
    const { header } = await signedCall(payer);
    await world.pay(header);
    await until('a closed submission', async () => {
      const { rowCount } = await world.pool.query(
        'SELECT 1 FROM facilitator_submissions JOIN payments ON payments.id = payment_id WHERE payer = $1 AND closed_at IS NOT NULL',
        [payer.address.toLowerCase()],
      );
      return rowCount === 1;
    });
    expect(await feesOf(payer)).toEqual([FEE_ATOMIC.toString()]);
  });

  it('is asked at start whether it settles on this network, and with the secret that opens it', async () => {
    await client().assertSupports();
    await expect(client(NETWORKS.base).assertSupports()).rejects.toThrow('does not settle x402 2 "exact" on eip155:8453');
    expect(facilitator.authorizations).toEqual(new Set([AUTHORIZATION]));
  });
});

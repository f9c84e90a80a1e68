import type { PrivateKeyAccount } from 'viem/accounts';
import type { PaidOutcome } from '@tollbox/payments/application/outcomes';
import { transferUsdc } from '../support/e2e/wallets';
import { EXECUTED, expired, PAID } from '../support/payments/bookings';
import { PAY_TO, PaymentsHarness, PRICE_ATOMIC } from '../support/payments/harness';

let world: PaymentsHarness;

const CAP_PER_PAYER = PRICE_ATOMIC * 3n;
const CAP_TOTAL = PRICE_ATOMIC * 5n;

async function start(overrides: Record<string, string> = {}): Promise<void> {
  world = await PaymentsHarness.start({
    OPTIMISTIC_CAP_PER_PAYER_ATOMIC: `${CAP_PER_PAYER}`,
    OPTIMISTIC_CAP_TOTAL_ATOMIC: `${CAP_TOTAL}`,
    SETTLEMENT_CONFIRM_WAIT_MS: '1000',
    ...overrides,
  });
  world.operation.mayAnswerEarly = true;
}

beforeEach(() => start());
afterEach(async () => {
  await world.stop();
});

const text = (outcome: PaidOutcome): string => ('answer' in outcome ? outcome.answer.body.toString() : outcome.kind);
const pay = async (payer: PrivateKeyAccount, count = 1): Promise<PaidOutcome[]> => {
  const headers = await Promise.all(Array.from({ length: count }, () => world.header(payer)));
  return Promise.all(headers.map((header) => world.pay(header)));
};
const kinds = (outcomes: readonly PaidOutcome[]): string[] => outcomes.map(({ kind }) => kind).sort();

/** A wallet that has paid once, with the settler at rest again, so that what it buys stays unsettled. */
async function trusted(index = 1, balanceAtomic = PRICE_ATOMIC * 20n): Promise<PrivateKeyAccount> {
  const payer = await world.payer(balanceAtomic, index);
  world.startSettler();
  expect(kinds(await pay(payer))).toEqual(['paid']);
  await world.stopSettler();
  return payer;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('an answer before settlement', () => {
  it('goes to a wallet that has paid before, and is settled behind its back', async () => {
    const payer = await trusted();
    const header = await world.header(payer);
    const released = await world.pay(header);
    expect(released).toMatchObject({ kind: 'released', payment: { settlementMode: 'optimistic' } });
    expect(await world.states()).toEqual({ settled: 1, queued: 1 });

    expect(text(await world.pay(header))).toBe(text(released)); // the replay waits for nothing either
    world.startSettler();
    await until(async () => (await world.states())['settled'] === 2);
    expect(await world.chain.balanceOf(PAY_TO)).toBe(PRICE_ATOMIC * 2n);
    const settled = await world.pay(header);
    expect(settled).toMatchObject({ kind: 'paid', payment: { state: 'settled' } });
    expect(text(settled)).toBe(text(released));
    expect(world.operation.runs).toHaveLength(2);
  });

  it('is not for a wallet that never paid, nor for an operation that does not allow it, nor where everything is confirmed', async () => {
    const stranger = await world.payer(PRICE_ATOMIC * 9n, 2);
    expect(await pay(stranger)).toMatchObject([{ kind: 'error', error: { code: 'settlement_pending' } }]);
    const payer = await trusted();
    world.operation.mayAnswerEarly = false;
    expect(await pay(payer)).toMatchObject([{ kind: 'error', error: { code: 'settlement_pending' } }]);
    await world.stop();
    await start({ SETTLEMENT_MODE: 'confirm' });
    expect(await pay(await trusted())).toMatchObject([{ kind: 'error', error: { code: 'settlement_pending' } }]);
  });

  it('ends at the cap of the wallet, under any concurrency', async () => {
    const payer = await trusted();
    const outcomes = await pay(payer, 6);
    expect(kinds(outcomes)).toEqual(['error', 'error', 'error', 'released', 'released', 'released']);
    expect(await world.states()).toEqual({ settled: 1, queued: 6 });
  });

  it('ends at the cap of the installation, which all wallets and gateways share', async () => {
    const payers = [await trusted(1), await trusted(2)];
    const headers = await Promise.all(payers.flatMap((payer) => Array.from({ length: 4 }, () => world.header(payer))));
    const outcomes = await Promise.all(headers.map((header, index) => world.pay(header, {}, `gateway-${index % 2}`)));
    expect(kinds(outcomes).filter((kind) => kind === 'released')).toHaveLength(5);
    const { rows } = await world.pool.query<{ exposed: string }>(
      `SELECT sum(amount_atomic) AS exposed FROM payments WHERE settlement_mode = 'optimistic' AND state <> 'settled'`,
    );
    expect(BigInt(rows[0]!.exposed)).toBe(CAP_TOTAL);
  });

  it('that the chain refuses to pay for is a debt: the replay still gets it, and the wallet waits from now on', async () => {
    const payer = await trusted();
    const header = await world.header(payer);
    const released = await world.pay(header);
    await transferUsdc(world.chain, payer.address, PAY_TO, await world.chain.balanceOf(payer.address));
    world.startSettler();
    await until(async () => (await world.states())['failed'] === 1);
    expect(await world.pay(header)).toMatchObject({ kind: 'released', payment: { state: 'failed' } });
    expect(text(await world.pay(header))).toBe(text(released));
    // What he sent to payTo by himself explains itself to nobody.
    const debt = [EXECUTED, 'failed 1: customer_debt <- authorized 1000'];
    await world.expectBooks([PAID, debt], { left: [{ class: 'unmatched_receipt', actual: '19000' }] });

    world.startSettler();
    await world.chain.mint(payer.address, PRICE_ATOMIC * 9n);
    expect(await pay(payer)).toMatchObject([{ kind: 'paid', payment: { settlementMode: 'confirm' } }]);
    const owes = (atomic: number) => world.pool.query('UPDATE credit_accounts SET debt_atomic = $1', [atomic]);
    await world.pool.query(`UPDATE payments SET debt_cleared_at = now() WHERE state = 'failed'`);
    await owes(0);
    expect(await pay(payer)).toMatchObject([{ kind: 'released', payment: { settlementMode: 'optimistic' } }]);
    await owes(1); // what cleared it was lost with its block
    expect(await pay(payer)).toMatchObject([{ kind: 'paid', payment: { settlementMode: 'confirm' } }]);
  });

  it('that ran out unpaid is our loss, once: the wallet waits from then on', async () => {
    const payer = await trusted();
    const validBefore = BigInt(Math.floor(Date.now() / 1000)) + 100n;
    expect((await world.pay(await world.header(payer, { validBefore }))).kind).toBe('released');
    await world.chain.rpc('evm_increaseTime', [200]);
    await world.chain.mine();
    world.startSettler();
    await until(async () => (await world.states())['expired'] === 1);
    expect(await pay(payer)).toMatchObject([{ kind: 'paid', payment: { settlementMode: 'confirm' } }]);
    await world.expectBooks([PAID, [EXECUTED, expired()], PAID]);
  });

  it('is not given while settlement is paused: it could run out before it is paid', async () => {
    const payer = await trusted();
    await world.pool.query(
      `INSERT INTO installation (id, network, asset, pay_to, settlement_paused_at) SELECT gen_random_uuid(), network, asset, pay_to, now() FROM payments`,
    );
    expect(await pay(payer)).toMatchObject([{ kind: 'error', error: { code: 'settlement_pending' } }]);
    await world.pool.query(`UPDATE installation SET settlement_paused_at = NULL`);
    expect(await pay(payer)).toMatchObject([{ kind: 'released', payment: { settlementMode: 'optimistic' } }]);
  });

  it('leaves what the database allows to be cleared: a debt, once', async () => {
    await trusted();
    const clear = world.pool.query(`UPDATE payments SET debt_cleared_at = now() WHERE state = 'settled'`);
    await expect(clear).rejects.toThrow('only a debt can be cleared');
  });
});

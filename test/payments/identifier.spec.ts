import { randomBytes } from 'node:crypto';
import type { PrivateKeyAccount } from 'viem/accounts';
import type { PaidOutcome } from '@tollbox/payments/application/outcomes';
import { NETWORK, PAY_TO, PaymentsHarness, PRICE_ATOMIC, refuse } from '../support/payments/harness';
import { signAuthorization, v2Header } from '../support/payments/sign';

let world: PaymentsHarness;
beforeAll(async () => {
  world = await PaymentsHarness.start();
  world.startSettler();
});
afterAll(() => world.stop());

let name: string;
let buyers = 0;
let payer: PrivateKeyAccount;
beforeEach(async () => {
  name = `order_${randomBytes(8).toString('hex')}`;
  world.operation.runs = [];
  world.operation.behaviour = () => Promise.resolve();
  payer = await world.payer(PRICE_ATOMIC * 10n, 10 + buyers++);
});

const header = (paymentIdentifier?: string, by = payer) =>
  world.header(by, paymentIdentifier === undefined ? {} : { paymentIdentifier });
const text = (outcome: PaidOutcome): string => ('answer' in outcome ? outcome.answer.body.toString() : outcome.kind);
const codeOf = (outcome: PaidOutcome): string => (outcome.kind === 'error' ? outcome.error.code : outcome.kind);
const idOf = (outcome: PaidOutcome): string | undefined => ('payment' in outcome ? outcome.payment?.id : undefined);
const paymentsOf = async (by: PrivateKeyAccount): Promise<number> => {
  const { rows } = await world.pool.query<{ count: number }>('SELECT count(*)::int AS count FROM payments WHERE payer = $1', [
    by.address.toLowerCase(),
  ]);
  return rows[0]?.count ?? 0;
};

describe('a request with a payment identifier', () => {
  it('that is repeated with a new authorization gets the stored answer of the payment that paid, and pays once', async () => {
    const first = await world.pay(await header(name));
    const again = await world.pay(await header(name));
    expect(first.kind).toBe('paid');
    expect(again.kind).toBe('paid');
    expect(text(again)).toBe(text(first));
    expect(idOf(again)).toBe(idOf(first));
    expect(world.operation.runs).toHaveLength(1);
    expect(await paymentsOf(payer)).toBe(1);
    expect(await world.chain.balanceOf(payer.address)).toBe(PRICE_ATOMIC * 9n);
  });

  it.each([
    ['another body', { body: '{"note":"other"}' }],
    ['another path', { path: '/test/count?other' }],
  ])('is a conflict for %s, and the new authorization is not used', async (_, change) => {
    await world.pay(await header(name));
    const other = await world.pay(await header(name), change);
    expect(codeOf(other)).toBe('payment_identifier_reused');
    expect(other).toMatchObject({ charged: false });
    expect(await paymentsOf(payer)).toBe(1);
  });

  it('runs once and moves one payment when twins with different authorizations come at once, at two gateways', async () => {
    world.operation.behaviour = () => new Promise((resolve) => setTimeout(resolve, 30));
    const headers = await Promise.all(Array.from({ length: 8 }, () => header(name)));
    const outcomes = await Promise.all(headers.map((one, index) => world.pay(one, {}, `gateway-${index % 2}`)));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['paid']));
    expect(new Set(outcomes.map(text)).size).toBe(1);
    expect(world.operation.runs).toHaveLength(1);
    expect(await paymentsOf(payer)).toBe(1);
    expect(await world.chain.balanceOf(payer.address)).toBe(PRICE_ATOMIC * 9n);
  });

  it('belongs to its wallet: another one has its own answer under the same name', async () => {
    const other = await world.payer(PRICE_ATOMIC * 10n, 10 + buyers++);
    const [mine, theirs] = [await world.pay(await header(name)), await world.pay(await header(name, other))];
    expect([mine.kind, theirs.kind]).toEqual(['paid', 'paid']);
    expect(text(theirs)).not.toBe(text(mine));
    expect(world.operation.runs).toHaveLength(2);
  });

  it('gives its answer to nobody who rebuilt the header from the chain, since the name is not there', async () => {
    const signed = await signAuthorization({ network: NETWORK, payer, payTo: PAY_TO, amountAtomic: PRICE_ATOMIC });
    const sent = v2Header(NETWORK, signed.authorization, signed.signature, PRICE_ATOMIC, name);
    const first = await world.pay(sent);
    for (const guess of [undefined, `order_${'0'.repeat(16)}`]) {
      const rebuilt = v2Header(NETWORK, signed.authorization, signed.signature, PRICE_ATOMIC, guess);
      expect(codeOf(await world.pay(rebuilt))).toBe('payment_reused');
    }
    expect(text(await world.pay(sent))).toBe(text(first));
  });

  it('that was not done lets go of its name: a new authorization runs it', async () => {
    world.operation.behaviour = () => refuse('provider_unavailable')();
    expect((await world.pay(await header(name))).kind).toBe('voided');
    world.operation.behaviour = () => Promise.resolve();
    const old = await header(name);
    expect((await world.pay(old)).kind).toBe('paid');
    expect(world.operation.runs).toHaveLength(2);
  });

  it('that may have run keeps its name: a new authorization gets the stored error and runs nothing', async () => {
    world.operation.behaviour = () => refuse('operation_timeout')();
    const first = await world.pay(await header(name));
    world.operation.behaviour = () => Promise.resolve();
    const again = await world.pay(await header(name));
    expect([first.kind, again.kind]).toEqual(['voided', 'voided']);
    expect(text(again)).toBe(text(first));
    expect(world.operation.runs).toHaveLength(1);
  });

  it('claimed again under its first authorization yields to the payment that holds the name by then', async () => {
    const first = await header(name);
    world.operation.behaviour = () => refuse('provider_unavailable')();
    await world.pay(first);
    world.operation.behaviour = () => Promise.resolve();
    const paid = await world.pay(await header(name));
    expect(idOf(await world.pay(first))).toBe(idOf(paid));
    expect(world.operation.runs).toHaveLength(2);
  });

  it('has a name that the database keeps unique and unchanged', async () => {
    const paid = await world.pay(await header(name));
    await expect(
      world.pool.query(`UPDATE payments SET payment_identifier = 'another-name-000' WHERE id = $1`, [idOf(paid)]),
    ).rejects.toMatchObject({ code: '23514' });
    const { rows } = await world.pool.query<{ indexdef: string }>(
      `SELECT indexdef FROM pg_indexes WHERE indexname = 'payments_identifier'`,
    );
    expect(rows[0]?.indexdef).toContain('UNIQUE');
  });
});

import type { LightMyRequestResponse } from 'fastify';
import { privateKeyToAccount } from 'viem/accounts';
import { configuredPrices } from '@tollbox/payments/application/configured-prices';
import { NETWORKS } from '@tollbox/payments/domain/networks';
import { PriceListRepository } from '@tollbox/payments/infrastructure/price-list.repository';
import { StaffKeys } from '@tollbox/platform/access/staff-keys';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { startGatewayInProcess, type TestGateway } from '../platform/support/gateway';
import { PAY_TO } from '../platform/support/test-app';
import { signAuthorization, v1Header, v2Header } from '../support/payments/sign';

const NETWORK = NETWORKS['base-sepolia'];
const payer = privateKeyToAccount(devPrivateKey(1));
const URL = '/api/v1/modal/sandbox/create';

interface Terms402 {
  readonly price: { readonly amount: string };
  readonly accepts: readonly { readonly maxAmountRequired: string }[];
  readonly reason?: string;
}

let gateway: TestGateway;
let lists: PriceListRepository;
let config: Config;
beforeAll(async () => {
  gateway = await startGatewayInProcess({
    PRICE_TRANSACTION_FEE_ATOMIC: '2000',
    PRICE_CREATE_PER_HOUR_ATOMIC: '120000',
    SANDBOX_MAX_LIFETIME_S: '3600',
    SETTLEMENT_CONFIRM_WAIT_MS: '1000',
  });
  lists = new PriceListRepository(gateway.pool);
  config = gateway.app.get<Config>(CONFIG);
  await gateway.chain.mint(payer.address, 10_000_000n);
});
afterAll(() => gateway.close());

const ask = (body: object, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> =>
  gateway.app.inject({ method: 'POST', url: URL, headers, payload: body });

async function pay(amountAtomic: bigint, body: object, version: 1 | 2 = 2): Promise<LightMyRequestResponse> {
  const signed = await signAuthorization({ network: NETWORK, payer, payTo: PAY_TO, amountAtomic });
  const header =
    version === 1
      ? v1Header(NETWORK, signed.authorization, signed.signature)
      : v2Header(NETWORK, signed.authorization, signed.signature);
  return ask(body, version === 1 ? { 'x-payment': header } : { 'payment-signature': header });
}

async function lastPayment(): Promise<Record<string, unknown>> {
  const { rows } = await gateway.pool.query<Record<string, unknown>>(
    `SELECT amount_atomic, price_atomic, fee_atomic, price_list_version FROM payments ORDER BY claimed_at DESC, id LIMIT 1`,
  );
  return rows[0] ?? {};
}

/** Another list was current until now: as after a deployment with new prices, which replaced it. */
async function replaceList(createAtomic: bigint): Promise<number> {
  const version = await lists.register(configuredPrices({ ...config, PRICE_CREATE_ATOMIC: createAtomic }), 'earlier');
  await lists.register(configuredPrices(config), 'again');
  return version;
}

describe('the price in a 402', () => {
  it('asks for base and fee in the terms, and names the base price in the body, as BlockRun does', async () => {
    const answer = await ask({});
    const { price, accepts } = answer.json<Terms402>();
    expect(price.amount).toBe('0.1200'); // the default lifetime here is an hour
    expect(accepts[0]?.maxAmountRequired).toBe('122000');
    const v2 = JSON.parse(Buffer.from(String(answer.headers['payment-required']), 'base64').toString()) as {
      accepts: { amount: string }[];
    };
    expect(v2.accepts[0]?.amount).toBe('122000');
  });

  it('follows the lifetime that is asked for', async () => {
    expect((await ask({ timeout: 300 })).json<Terms402>().accepts[0]?.maxAmountRequired).toBe('12000');
    expect((await ask({ timeout: 1_801 })).json<Terms402>().accepts[0]?.maxAmountRequired).toBe('62034');
  });
});

describe('a payment', () => {
  it('records the list it was quoted under and the fee within its price', async () => {
    expect((await pay(12_000n, { timeout: 300 })).statusCode).toBe(503); // nobody settles in this spec
    const version = await lists.register(configuredPrices(config), 'spec');
    expect(await lastPayment()).toEqual({
      amount_atomic: '12000',
      price_atomic: '12000',
      fee_atomic: '2000',
      price_list_version: version,
    });
  });

  it.each([1, 2] as const)('for the price of the list before is taken at that price, x402 v%d', async (version) => {
    const earlier = await replaceList(7_000n + BigInt(version));
    const amount = 9_000n + BigInt(version);
    expect((await pay(amount, { timeout: 200 + version }, version)).statusCode).toBe(503);
    expect(await lastPayment()).toMatchObject({
      amount_atomic: amount.toString(),
      price_atomic: amount.toString(),
      price_list_version: earlier,
    });
  });

  it('for a price that no list in force had is refused with today’s terms', async () => {
    const answer = await pay(11_999n, { timeout: 300 });
    expect(answer.statusCode).toBe(402);
    expect(answer.json<Terms402>().accepts[0]?.maxAmountRequired).toBe('12000');
  });

  it('for another body’s price is refused', async () => {
    expect((await pay(12_000n, { timeout: 3_600 })).statusCode).toBe(402);
  });
});

describe('price lists', () => {
  it('have one version for one content, whoever registers it and however often', async () => {
    const content = configuredPrices({ ...config, PRICE_EXEC_ATOMIC: 5n });
    const versions = await Promise.all(Array.from({ length: 8 }, (_, index) => lists.register(content, `process-${index}`)));
    expect(new Set(versions).size).toBe(1);
    const [newest] = await lists.list(1, null);
    expect(newest).toMatchObject({ version: versions[0], isCurrent: true, content });
    expect(newest?.activatedAt).toHaveLength(1);
  });

  it('are honoured for the grace period after their replacement, and no longer', async () => {
    const earlier = await replaceList(6_000n);
    expect((await lists.recentlyCurrent(3_600)).map(({ version }) => version)).toContain(earlier);
    const [current, ...others] = await lists.recentlyCurrent(0);
    expect(others).toEqual([]);
    expect(current?.content).toEqual(configuredPrices(config));
  });

  it('cannot be edited or removed', async () => {
    await expect(gateway.pool.query(`UPDATE price_lists SET content = '{}'`)).rejects.toThrow('append-only');
    await expect(gateway.pool.query('DELETE FROM price_list_activations')).rejects.toThrow('append-only');
  });

  it('are shown to finance page by page', async () => {
    const keys = gateway.app.get(StaffKeys);
    const { token } = await keys.create({ name: 'spec', role: 'finance', lifetimeMs: 60_000, by: 'spec' });
    const get = (query: string) =>
      gateway.app.inject({ url: `/finance/price-lists${query}`, headers: { authorization: `Bearer ${token}` } });
    const first = (await get('?limit=1')).json<{ price_lists: { version: number }[]; next_before_version: number }>();
    const rest = (await get(`?before_version=${first.next_before_version}`)).json<typeof first>();
    const versions = [...first.price_lists, ...rest.price_lists].map(({ version }) => version);
    expect(versions).toEqual(Array.from({ length: versions.length }, (_, index) => versions.length - index));
    expect(rest.next_before_version).toBeNull();
    expect((await gateway.app.inject({ url: '/finance/price-lists' })).statusCode).toBe(401);
    expect((await get('?before_version=x')).statusCode).toBe(400);
  });
});

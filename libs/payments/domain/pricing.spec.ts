import { priceListSha256, quoteFrom, quotePaidBy, type PriceListContent, type Quote } from './pricing';

const content: PriceListContent = {
  transaction_fee_atomic: '2000',
  operations: {
    'sandbox.create': {
      kind: 'lifetime',
      included_lifetime_s: 300,
      cpu: { atomic: '10000', per_hour_atomic: '100000' },
      gpu: { H100: { atomic: '400000', per_hour_atomic: '8000000' } },
    },
    'sandbox.exec': { kind: 'flat', atomic: '1000' },
    'credits.topup': { kind: 'asked', least_atomic: '10000' },
  },
};
const list = { version: 3, content };
const base = (operation: string, attributes = {}) => quoteFrom(list, operation, attributes)?.baseAtomic;

describe('a quote', () => {
  it('is the base price and the fee, under the version of its list', () => {
    expect(quoteFrom(list, 'sandbox.exec', {})).toEqual({
      priceListVersion: 3,
      baseAtomic: 1_000n,
      feeAtomic: 2_000n,
      totalAtomic: 3_000n,
    });
  });

  it.each([
    ['a lifetime that is included', { lifetimeS: 300 }, 10_000n],
    ['no lifetime named', {}, 10_000n],
    ['a longer one that the hour would sell cheaper than the short one', { lifetimeS: 301 }, 10_000n],
    ['a longer one, rounded up to a whole unit', { lifetimeS: 1_801 }, 50_028n],
    ['a day', { lifetimeS: 86_400 }, 2_400_000n],
    ['a GPU', { gpu: 'H100', lifetimeS: 300 }, 400_000n],
    ['a day of a GPU', { gpu: 'H100', lifetimeS: 86_400 }, 192_000_000n],
    ['no GPU', { gpu: null, lifetimeS: 1 }, 10_000n],
  ])('of create: %s', (_, attributes, expected) => {
    expect(base('sandbox.create', attributes)).toBe(expected);
  });

  it('of a top-up is exactly what the buyer asks to pay', () => {
    expect(quoteFrom(list, 'credits.topup', { amountAtomic: 5_000_000n })).toMatchObject({
      totalAtomic: 5_000_000n,
      feeAtomic: 0n,
    });
  });

  it('does not exist for what the list does not sell', () => {
    expect(quoteFrom(list, 'sandbox.fly', {})).toBeNull();
    expect(quoteFrom(list, 'toString', {})).toBeNull();
    expect(quoteFrom(list, 'sandbox.create', { gpu: 'constructor' })).toBeNull();
  });
});

describe('the hash of a price list', () => {
  it('is of its prices, not of the order they are written in', () => {
    const { operations } = content;
    const reordered = { operations: Object.fromEntries(Object.entries(operations).reverse()), transaction_fee_atomic: '2000' };
    expect(priceListSha256(reordered)).toBe(priceListSha256(content));
    expect(priceListSha256({ ...content, transaction_fee_atomic: '2001' })).not.toBe(priceListSha256(content));
  });
});

describe('a signed amount', () => {
  const quote = (priceListVersion: number, totalAtomic: bigint): Quote => ({
    priceListVersion,
    baseAtomic: totalAtomic,
    feeAtomic: 0n,
    totalAtomic,
  });
  const [current, newer, older] = [quote(3, 1_000n), quote(2, 1_500n), quote(1, 800n)];
  const paid = (x402Version: 1 | 2, valueAtomic: bigint) =>
    quotePaidBy(current, [newer, older], { x402Version, valueAtomic })?.priceListVersion ?? null;

  it.each([
    [1_000n, 3],
    [1_500n, 2],
    [800n, 1],
    [999n, null],
    [1_001n, null],
  ])('%d in v2 pays a list only exactly', (value, version) => {
    expect(paid(2, value)).toBe(version);
  });

  it.each([
    [1_000n, 3],
    [1_500n, 2],
    [1_600n, 3],
    [999n, 1],
    [799n, null],
  ])('%d in v1 pays today’s list if it can, else an earlier one', (value, version) => {
    expect(paid(1, value)).toBe(version);
  });
});

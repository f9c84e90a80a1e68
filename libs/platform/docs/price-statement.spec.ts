import { z } from 'zod';
import type { Config } from '../config/config';
import type { Operation } from '../operations/operation';
import type { PriceTerms, PriceVariation } from '../operations/price-book';
import { priceStatement } from './price-statement';

const operation = { body: z.object({ gpu: z.enum(['T4']).nullable().default(null) }) } as unknown as Operation;
const lifetime: PriceVariation = {
  kind: 'lifetime',
  includedLifetimeS: 300,
  cpu: { atomic: 10_000n, perHourAtomic: 100_000n },
  gpu: { T4: { atomic: 50_000n, perHourAtomic: 1_500_000n }, H100: { atomic: 400_000n, perHourAtomic: 8_000_000n } },
};
const of = (variation: PriceVariation, longestS = 300, sold: Operation = operation) => {
  const terms = { amountAtomic: 11_000n, feeAtomic: 1_000n, variation } as PriceTerms;
  const config = { SANDBOX_MAX_LIFETIME_S: longestS, CREDITS_MAX_TOPUP_ATOMIC: 5_000_000n } as Config;
  return priceStatement({ terms, operation: sold }, config);
};

describe('a price, for people who have not asked yet', () => {
  it('is one amount where every body costs the same', () => {
    expect(of({ kind: 'flat' })).toEqual({ leastAtomic: 11_000n, mostAtomic: 11_000n, short: '$0.011', rule: '' });
    const noGpus = { body: z.object({ gpu: z.null() }) } as unknown as Operation;
    expect(of(lifetime, 300, noGpus)).toMatchObject({ short: '$0.011', rule: '' });
  });

  it('has its bounds where the buyer names the amount', () => {
    expect(of({ kind: 'asked' })).toEqual({
      leastAtomic: 11_000n,
      mostAtomic: 5_000_000n,
      short: '$0.011 to $5.00',
      rule: 'the amount that you ask for, from $0.011 to $5.00; no fee is added',
    });
  });

  it('begins at the least where hardware or lifetime move it, and speaks only of what is sold', () => {
    expect(of(lifetime)).toMatchObject({ short: 'from $0.011', rule: '$0.011 up to 300 s; with a GPU: T4 $0.051' });
    expect(of(lifetime, 3_600)).toEqual({
      leastAtomic: 11_000n,
      mostAtomic: null,
      short: 'from $0.011',
      rule: '$0.011 ($0.10 an hour) up to 300 s; a longer lifetime costs its hourly price for exactly the time that is asked for, and never less; without `timeout` it is 3600 s; with a GPU: T4 $0.051 ($1.50 an hour)',
    });
  });
});

import type { Config } from '../config/config';
import type { Operation } from '../operations/operation';
import type { PriceTier, PriceTerms } from '../operations/price-book';
import { usdText } from './usd';

/** What a call costs, in words that hold for every body that the route takes. */
export interface PriceStatement {
  readonly leastAtomic: bigint;
  /** Null where nothing but the body's own limits bounds it. */
  readonly mostAtomic: bigint | null;
  /** For a table: `$0.001`, `from $0.01`, `$0.01 to $1000.00`. */
  readonly short: string;
  /** What decides the price; empty where every body costs the same. */
  readonly rule: string;
}

/** Statements of what is sold here: a GPU or a lifetime that no body may ask for is not spoken of. */
export function priceStatement(
  { terms, operation }: { terms: PriceTerms; operation: Operation },
  config: Config,
): PriceStatement {
  const { amountAtomic: least, feeAtomic, variation } = terms;
  const usd = (atomic: bigint): string => `$${usdText(atomic)}`;
  if (variation.kind === 'flat') return { leastAtomic: least, mostAtomic: least, short: usd(least), rule: '' };
  if (variation.kind === 'asked') {
    const most = config.CREDITS_MAX_TOPUP_ATOMIC;
    const short = `${usd(least)} to ${usd(most)}`;
    return { leastAtomic: least, mostAtomic: most, short, rule: `the amount that you ask for, from ${short}; no fee is added` };
  }
  const { includedLifetimeS } = variation;
  const isTimed = config.SANDBOX_MAX_LIFETIME_S > includedLifetimeS;
  const gpus = Object.entries(variation.gpu).filter(([gpu]) => operation.body.safeParse({ gpu }).success);
  if (!isTimed && gpus.length === 0) return { leastAtomic: least, mostAtomic: least, short: usd(least), rule: '' };
  const tier = ({ atomic, perHourAtomic }: PriceTier): string =>
    `${usd(atomic + feeAtomic)}${isTimed ? ` (${usd(perHourAtomic)} an hour)` : ''}`;
  const rule = [
    `${tier(variation.cpu)} up to ${includedLifetimeS} s`,
    ...(isTimed
      ? [
          'a longer lifetime costs its hourly price for exactly the time that is asked for, and never less',
          `without \`timeout\` it is ${config.SANDBOX_MAX_LIFETIME_S} s`,
        ]
      : []),
    ...(gpus.length === 0 ? [] : [`with a GPU: ${gpus.map(([name, own]) => `${name} ${tier(own)}`).join(', ')}`]),
  ].join('; ');
  return { leastAtomic: least, mostAtomic: null, short: `from ${usd(least)}`, rule };
}

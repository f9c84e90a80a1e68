import { z } from 'zod';
import type { PriceAttributes } from '@tollbox/platform/operations/operation';
import type { PriceTier, PriceVariation } from '@tollbox/platform/operations/price-book';
import { sha256Hex } from './fingerprint';

/** A price of a class of hardware: up to the included lifetime, and for every hour of a longer one. */
export interface Tier {
  readonly atomic: string;
  readonly per_hour_atomic: string;
}

export type PriceRule =
  | { readonly kind: 'flat'; readonly atomic: string }
  | {
      readonly kind: 'lifetime';
      readonly included_lifetime_s: number;
      readonly cpu: Tier;
      readonly gpu: Readonly<Record<string, Tier>>;
    }
  /** The buyer names the amount in the body and pays exactly that: no fee is added. */
  | { readonly kind: 'asked'; readonly least_atomic: string };

/** A price list as it is stored: amounts are decimal texts of atomic units. */
export interface PriceListContent {
  /** Added to every price that is not `asked`. */
  readonly transaction_fee_atomic: string;
  readonly operations: Readonly<Record<string, PriceRule>>;
}

/** A price list that the database knows under a version. */
export interface VersionedPriceList {
  readonly version: number;
  readonly content: PriceListContent;
}

/** What one call costs under one list. */
export interface Quote {
  readonly priceListVersion: number;
  readonly baseAtomic: bigint;
  readonly feeAtomic: bigint;
  /** Base and fee: what the buyer signs. */
  readonly totalAtomic: bigint;
}

const atomicText = z.string().regex(/^(0|[1-9][0-9]{0,30})$/);
const tier = z.object({ atomic: atomicText, per_hour_atomic: atomicText });
const rule = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('flat'), atomic: atomicText }),
  z.object({
    kind: z.literal('lifetime'),
    included_lifetime_s: z.number().int().positive(),
    cpu: tier,
    gpu: z.record(z.string(), tier),
  }),
  z.object({ kind: z.literal('asked'), least_atomic: atomicText }),
]);
export const priceListSchema = z.object({ transaction_fee_atomic: atomicText, operations: z.record(z.string(), rule) });

/** SHA-256 of the content with sorted keys: the same prices have the same hash, however they are written. */
export function priceListSha256(content: PriceListContent): string {
  return sha256Hex(JSON.stringify(sorted(content)));
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/** Null when the list has no price for this. */
export function quoteFrom(list: VersionedPriceList, operation: string, attributes: PriceAttributes): Quote | null {
  const found = Object.hasOwn(list.content.operations, operation) ? list.content.operations[operation] : undefined;
  const baseAtomic = found === undefined ? null : baseOf(found, attributes);
  if (found === undefined || baseAtomic === null) return null;
  const feeAtomic = found.kind === 'asked' ? 0n : BigInt(list.content.transaction_fee_atomic);
  return { priceListVersion: list.version, baseAtomic, feeAtomic, totalAtomic: baseAtomic + feeAtomic };
}

function baseOf(rule: PriceRule, attributes: PriceAttributes): bigint | null {
  switch (rule.kind) {
    case 'flat':
      return BigInt(rule.atomic);
    case 'asked':
      return attributes.amountAtomic ?? BigInt(rule.least_atomic);
    case 'lifetime': {
      const { gpu = null, lifetimeS = rule.included_lifetime_s } = attributes;
      const tier = gpu === null ? rule.cpu : Object.hasOwn(rule.gpu, gpu) ? rule.gpu[gpu] : undefined;
      if (tier === undefined) return null;
      return lifetimeS <= rule.included_lifetime_s ? BigInt(tier.atomic) : longLifetime(tier, BigInt(lifetimeS));
    }
  }
}

/** What in a body moves the price of an operation of the list. */
export function variationOf({ content }: VersionedPriceList, operation: string): PriceVariation {
  const rule = Object.hasOwn(content.operations, operation) ? content.operations[operation] : undefined;
  if (rule?.kind !== 'lifetime') return { kind: rule?.kind ?? 'flat' };
  const tierOf = (tier: Tier): PriceTier => ({ atomic: BigInt(tier.atomic), perHourAtomic: BigInt(tier.per_hour_atomic) });
  const gpu = Object.fromEntries(Object.entries(rule.gpu).map(([name, tier]) => [name, tierOf(tier)]));
  return { kind: 'lifetime', includedLifetimeS: rule.included_lifetime_s, cpu: tierOf(rule.cpu), gpu };
}

/** The hourly price for exactly this time, rounded up to a whole atomic unit; a longer lifetime never costs less than a short one. */
function longLifetime(tier: Tier, lifetimeS: bigint): bigint {
  const flat = BigInt(tier.atomic);
  const timed = (BigInt(tier.per_hour_atomic) * lifetimeS + 3_599n) / 3_600n;
  return timed > flat ? timed : flat;
}

/**
 * The quote that a signed amount pays: the current one if it can, else an earlier one that still counts (newest first).
 * v2 pays exactly, v1 at least. Null when it pays none.
 */
export function quotePaidBy(
  current: Quote,
  earlier: readonly Quote[],
  signed: { readonly x402Version: 1 | 2; readonly valueAtomic: bigint },
): Quote | null {
  const all = [current, ...earlier];
  const exact = all.find((quote) => quote.totalAtomic === signed.valueAtomic);
  if (exact !== undefined || signed.x402Version === 2) return exact ?? null;
  return all.find((quote) => quote.totalAtomic < signed.valueAtomic) ?? null;
}

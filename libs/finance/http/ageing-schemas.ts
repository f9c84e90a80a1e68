import { z } from 'zod';
import { AGEING_KINDS, AGE_BUCKETS_SECONDS, type AgeingBucket } from '../application/ports/ageing-report';
import { atomic, time } from './query-parts';

const sums = { count: z.string(), amount_atomic: atomic, oldest_at: time.nullable() };

/** Answer of GET /finance/ageing. */
export const ageingAnswer = z.object({
  at: time,
  asset: z.literal('USDC'),
  kinds: z.array(
    z.object({
      kind: z
        .enum(AGEING_KINDS)
        .describe('unsettled: done and not paid yet; unknown: sent, outcome not seen; debt: answered, and the chain refused.'),
      ...sums,
      buckets: z.array(
        z.object({
          from_seconds: z.number().int(),
          to_seconds: z.number().int().nullable().describe('Null in the last bucket.'),
          ...sums,
        }),
      ),
    }),
  ),
});

export type AgeingAnswer = z.output<typeof ageingAnswer>;

const NOTHING = { count: '0', amount_atomic: '0', oldest_at: null };

/** Every kind and every bucket, also the empty ones. */
export function toAgeingAnswer(at: Date, found: readonly AgeingBucket[]): AgeingAnswer {
  return {
    at: at.toISOString(),
    asset: 'USDC',
    kinds: AGEING_KINDS.map((kind) => {
      const own = found.filter((row) => row.kind === kind);
      return {
        kind,
        count: total(own.map(({ count }) => count)),
        amount_atomic: total(own.map(({ amount_atomic }) => amount_atomic)),
        oldest_at: own.map(({ oldest_at }) => oldest_at).sort()[0] ?? null,
        buckets: AGE_BUCKETS_SECONDS.map((from, index) => {
          const { count, amount_atomic, oldest_at } = own.find(({ bucket }) => bucket === index) ?? NOTHING;
          return { from_seconds: from, to_seconds: AGE_BUCKETS_SECONDS[index + 1] ?? null, count, amount_atomic, oldest_at };
        }),
      };
    }),
  };
}

const total = (amounts: readonly string[]): string => amounts.reduce((sum, amount) => sum + BigInt(amount), 0n).toString();

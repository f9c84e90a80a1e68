import { z } from 'zod';
import { cursorInstant, cursorOf } from '@tollbox/platform/http/cursor';
import { limitParameter } from '@tollbox/platform/http/query-parameters';
import { dayParameters, signedAtomic, time } from './query-parts';

export const sandboxPlace = cursorOf(z.tuple([cursorInstant, z.string().regex(/^sb-[A-Za-z0-9]{1,64}$/)]));

export const operationMarginQuery = z.strictObject(dayParameters);
export const sandboxMarginQuery = z.strictObject({
  ...dayParameters,
  limit: limitParameter('Sandboxes'),
  cursor: sandboxPlace.parameter,
});

const usd = signedAtomic.nullable().describe('USD at 10⁻¹² by the rates of each day; null where a rate is missing.');
const sums = {
  calls: z.string(),
  revenue_atomic: signedAtomic,
  gas_wei: signedAtomic,
  fees_atomic: signedAtomic.describe('Fees of a remote facilitator.'),
  provider_cost_pico_usd: signedAtomic,
  revenue_pico_usd: usd,
  cost_pico_usd: usd,
  margin_pico_usd: usd,
};

export const operationMarginAnswer = z.object({
  from: z.iso.date(),
  to: z.iso.date().describe('The day after the last one.'),
  operations: z.array(z.object({ operation: z.string(), ...sums })),
});

export const sandboxMarginAnswer = z.object({
  from: z.iso.date(),
  to: z.iso.date().describe('The day after the last one.'),
  sandboxes: z.array(z.object({ sandbox_id: z.string(), owner: z.string().nullable(), created_at: time, ...sums })),
  next_cursor: z.string().nullable(),
});

export type OperationMarginAnswer = z.output<typeof operationMarginAnswer>;
export type SandboxMarginAnswer = z.output<typeof sandboxMarginAnswer>;

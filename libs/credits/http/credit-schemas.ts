import { z } from 'zod';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const atomic = (description: string) =>
  z
    .string()
    .regex(/^-?[0-9]+$/)
    .describe(`${description} Atomic USDC units, as a decimal text.`);

/** Query of GET /v1/credits. */
export const creditsQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^[0-9]{1,4}$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().int().min(1).max(MAX_LIMIT))
    .default(DEFAULT_LIMIT)
    .describe(`Lines of the statement: 1 to ${MAX_LIMIT}, ${DEFAULT_LIMIT} by default.`),
  cursor: z.string().max(40).optional().describe('`next_cursor` of the page before.'),
});

export const tokenAnswer = z.object({
  token_sha256: z.string(),
  created_at: z.iso.datetime(),
  revoked_at: z.iso.datetime().nullable(),
});

/** Answer of GET /v1/credits. */
export const creditsAnswer = z.object({
  wallet: z.string(),
  usable_atomic: atomic('What can be spent now; never below zero here.'),
  balance_atomic: atomic('What is prepaid and not used.'),
  held_atomic: atomic('Part of the balance that running calls hold.'),
  pending_atomic: atomic('Part of the balance whose payment has not settled.'),
  debt_atomic: atomic('What is owed; it is paid before anything else.'),
  tokens: z.array(tokenAnswer).describe('Newest first, at most 100.'),
  statement: z
    .array(
      z.object({
        id: z.string(),
        at: z.iso.datetime(),
        event: z.string(),
        amount_atomic: atomic('More than zero for what came in.'),
        balance_after_atomic: atomic('The balance with this line.'),
        operation: z.string().nullable(),
        operation_id: z.string().nullable(),
        payment_id: z.string().nullable(),
      }),
    )
    .describe('Newest first.'),
  next_cursor: z.string().nullable(),
});

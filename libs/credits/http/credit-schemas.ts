import { z } from 'zod';
import { cursorOf, cursorSerial } from '@tollbox/platform/http/cursor';
import { limitParameter } from '@tollbox/platform/http/query-parameters';

/** A place in a statement: the number of its line. */
export const statementCursor = cursorOf(z.tuple([cursorSerial]));

const atomic = (description: string) =>
  z
    .string()
    .regex(/^-?[0-9]+$/)
    .describe(`${description} Atomic USDC units, as a decimal text.`);

/** Query of GET /v1/credits. */
export const creditsQuery = z.strictObject({
  limit: limitParameter('Lines of the statement'),
  cursor: statementCursor.parameter,
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

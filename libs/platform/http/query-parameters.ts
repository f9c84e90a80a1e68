import { z } from 'zod';

/**
 * The parameters that lists and reports share. A message of theirs is the phrase behind `it must be` (parameter-issues.ts).
 */

/** The `limit` of a list. */
export const limitParameter = (what: string, max = 200, fallback = 50) => {
  const allowed = `a whole number from 1 to ${max}`;
  return z
    .string({ error: `given once, as ${allowed}` })
    .regex(/^[0-9]{1,9}$/, allowed)
    .transform(Number)
    .pipe(z.number().int().min(1, allowed).max(max, allowed))
    .default(fallback)
    .describe(`${what} on a page: 1 to ${max}, ${fallback} by default.`);
};

/** A time. */
export const instantParameter = (description: string) => requiredInstant(description).optional();

export const requiredInstant = (description: string) =>
  z.iso
    .datetime({ offset: true, error: 'a time with its zone (ISO 8601), for example `2026-11-01T00:00:00Z`' })
    .transform((text) => new Date(text))
    .describe(description);

/** A wallet, in any letter case. */
export const walletParameter = (description: string) =>
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, 'an EVM address: 0x and 40 hex digits')
    .transform((text) => text.toLowerCase())
    .optional()
    .describe(description);

/** A transaction, in any letter case. */
export const transactionParameter = (description: string) =>
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/, 'a transaction hash: 0x and 64 hex digits')
    .transform((text) => text.toLowerCase())
    .optional()
    .describe(description);

export const textParameter = (max: number, description: string) => {
  const allowed = `a text of 1 to ${max} characters`;
  return z.string().min(1, allowed).max(max, allowed).optional().describe(description);
};

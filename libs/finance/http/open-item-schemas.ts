import { z } from 'zod';
import { cursorInstant, cursorOf } from '@tollbox/platform/http/cursor';
import { limitParameter, walletParameter } from '@tollbox/platform/http/query-parameters';
import { atomic, time } from './query-parts';

/** A place among debts: since when, and whose. */
export const debtCursor = cursorOf(z.tuple([cursorInstant, z.uuid()]));

/** A place among wallets. */
export const walletCursor = cursorOf(z.tuple([z.string().regex(/^0x[0-9a-f]{40}$/)]));

export const debtsQuery = z.strictObject({
  wallet: walletParameter('Wallet that owes.'),
  limit: limitParameter('Debts'),
  cursor: debtCursor.parameter,
});

export const creditsQuery = z.strictObject({ limit: limitParameter('Wallets'), cursor: walletCursor.parameter });

const totals = z.object({ count: z.string(), amount_atomic: atomic }).describe('Over everything, not only this page.');

export const debtsAnswer = z.object({
  debts: z.array(
    z.object({
      payment_id: z.uuid(),
      wallet: z.string(),
      operation: z.string(),
      open_atomic: atomic,
      since: time,
      fail_reason: z.string().nullable(),
    }),
  ),
  next_cursor: z.string().nullable(),
  totals,
});

export const creditsAnswer = z.object({
  wallets: z.array(
    z.object({
      wallet: z.string(),
      balance_atomic: atomic,
      held_atomic: atomic.describe('Reserved by calls that run.'),
      debt_atomic: atomic.describe('What the wallet owes.'),
    }),
  ),
  next_cursor: z.string().nullable(),
  totals,
});

export const writeOffBody = z.strictObject({
  reason: z.string().trim().min(3).max(500).describe('Why it is given up; kept with the payment and in the audit log.'),
});

export const writeOffAnswer = z.object({
  payment_id: z.uuid(),
  amount_atomic: atomic,
  approved_by: z.string().nullable().describe('Id of the second key, if one was given.'),
});

export type DebtsAnswer = z.output<typeof debtsAnswer>;
export type CreditsAnswer = z.output<typeof creditsAnswer>;

import { z } from 'zod';
import { cursorInstant, cursorOf, cursorSerial, limitParameter } from '@tollbox/platform/http/cursor';
import { atomic, instant, time, walletParameter } from './query-parts';

/** A place in the journal: when the entry was recorded, and its id. */
export const entryCursor = cursorOf(z.tuple([cursorInstant, cursorSerial]));

/** Query of GET /finance/entries. */
export const entriesQuery = z.strictObject({
  account: z.string().min(1).max(120).optional().describe('Code of an account on either side, for example `treasury`.'),
  subject: z.uuid().optional().describe('What the event happened to: a payment, a refund, a receipt.'),
  event: z.string().min(1).max(100).optional().describe('Event, for example `executed`; see docs/postings.md.'),
  wallet: walletParameter('Wallet of the buyer.'),
  asset: z.enum(['USDC', 'ETH', 'USD']).optional(),
  from: instant('Recorded at or after this time (ISO 8601).'),
  to: instant('Recorded before this time (ISO 8601).'),
  limit: limitParameter('Entries'),
  cursor: entryCursor.parameter,
});

/** Answer of GET /finance/entries. */
export const entriesAnswer = z.object({
  entries: z.array(
    z.object({
      id: z.string(),
      debit_account: z.string(),
      credit_account: z.string(),
      amount: atomic.describe('Smallest unit of the asset (USDC 10⁻⁶, ETH wei, USD 10⁻¹²), as a decimal text.'),
      asset: z.string(),
      network: z.string().describe('CAIP-2 name; empty for USD.'),
      subject: z.uuid(),
      event: z.string(),
      round: z.number().int(),
      leg: z.number().int(),
      operation_id: z.uuid().nullable(),
      wallet: z.string().nullable(),
      event_at: time,
      recorded_at: time,
    }),
  ),
  next_cursor: z.string().nullable(),
});

export type EntriesAnswer = z.output<typeof entriesAnswer>;

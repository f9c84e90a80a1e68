import { z } from 'zod';
import { JOURNAL_EVENTS } from '@tollbox/ledger/domain/events';
import { cursorInstant, cursorOf, cursorSerial } from '@tollbox/platform/http/cursor';
import { instantParameter, limitParameter, textParameter, walletParameter } from '@tollbox/platform/http/query-parameters';
import { atomic, time } from './query-parts';

/** A place in the journal: when the entry was recorded, and its id. */
export const entryCursor = cursorOf(z.tuple([cursorInstant, cursorSerial]));

/** Query of GET /finance/entries. */
export const entriesQuery = z.strictObject({
  account: textParameter(120, 'Code of an account on either side, for example `treasury` or `revenue:sandbox.exec`.'),
  subject: z.uuid().optional().describe('What the event happened to: a payment, a refund, a receipt.'),
  event: z.enum(JOURNAL_EVENTS).optional().describe('Event; see docs/postings.md.'),
  wallet: walletParameter('Wallet of the buyer.'),
  asset: z.enum(['USDC', 'ETH', 'USD']).optional(),
  from: instantParameter('Recorded at or after this time (ISO 8601).'),
  to: instantParameter('Recorded before this time (ISO 8601).'),
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

import { z } from 'zod';
import { cursorOf, cursorSerial } from '@tollbox/platform/http/cursor';
import { limitParameter, textParameter } from '@tollbox/platform/http/query-parameters';
import { ITEM_CLASS_NAMES, ITEM_STATES, RESOLUTIONS } from '../domain/item';

/** A place in a list of runs or items: the number that the database gave. */
export const serialCursor = cursorOf(z.tuple([cursorSerial]));

const serial = z.string().regex(/^[0-9]+$/);
const time = z.iso.datetime();

/** Query of GET /finance/reconciliation/runs. */
export const runsQuery = z.strictObject({ limit: limitParameter('Runs'), cursor: serialCursor.parameter });

/** Query of GET /finance/reconciliation/items. */
export const itemsQuery = z.strictObject({
  state: z.enum(ITEM_STATES).optional().describe('State now.'),
  class: z.enum(ITEM_CLASS_NAMES).optional().describe('Class of the difference; see docs/reconciliation.md.'),
  subject: textParameter(200, 'What it is about: id of a receipt or payment, or the name of a balance.'),
  run: z
    .string()
    .regex(/^[1-9][0-9]{0,17}$/, 'the id of a run')
    .optional()
    .describe('Items that were there in this run.'),
  limit: limitParameter('Items'),
  cursor: serialCursor.parameter,
});

/** Body of POST /finance/reconciliation/items/{id}/resolve. */
export const resolveBody = z.strictObject({
  resolution: z.enum(RESOLUTIONS).describe('What was decided; which ones an item takes depends on its class.'),
  reason: z.string().trim().min(3).max(1_000).describe('Why; kept in the log of the item.'),
});

export const runAnswer = z.object({
  id: serial,
  state: z.enum(['requested', 'running', 'done', 'failed', 'abandoned']),
  origin: z.enum(['schedule', 'demand']),
  requested_by: z.string(),
  from_block: serial.nullable(),
  to_block: serial.nullable(),
  to_block_hash: z.string().nullable(),
  counts: z.record(z.string(), z.number()),
  totals: z.record(z.string(), z.string()).describe('Amounts in the smallest unit, as decimal texts.'),
  error: z.string().nullable(),
  requested_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
});

const item = z.object({
  id: serial,
  class: z.enum(ITEM_CLASS_NAMES),
  state: z.enum(ITEM_STATES),
  subject: z.string(),
  expected: z.string().nullable(),
  actual: z.string().nullable(),
  detail: z.record(z.string(), z.unknown()),
  resolution: z.string().nullable(),
  first_seen_run: serial,
  last_seen_run: serial,
  opened_at: time,
  closed_at: time.nullable(),
});

const event = z.object({
  id: serial,
  run_id: serial.nullable(),
  from_state: z.string().nullable(),
  to_state: z.string(),
  resolution: z.string().nullable(),
  actor: z.string(),
  reason: z.string(),
  detail: z.record(z.string(), z.unknown()),
  at: time,
});

export const runsAnswer = z.object({ runs: z.array(runAnswer), next_cursor: z.string().nullable() });
export const itemsAnswer = z.object({ items: z.array(item), next_cursor: z.string().nullable() });
export const itemAnswer = item.extend({ events: z.array(event).describe('Oldest first; never changed.') });

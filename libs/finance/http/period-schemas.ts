import { z } from 'zod';
import type { PeriodClose } from '@tollbox/ledger/domain/period';
import { cursorOf } from '@tollbox/platform/http/cursor';
import { limitParameter } from '@tollbox/platform/http/query-parameters';
import { atomic, time } from './query-parts';

/** A place among closes: how many there were before. */
export const closePlace = cursorOf(z.tuple([z.number().int().min(1).max(2_147_483_647)]));

export const periodsQuery = z.strictObject({ limit: limitParameter('Closes'), cursor: closePlace.parameter });

const until = z.iso
  .datetime({
    offset: true,
    error: '`until` is the end of the period, exclusive: `2026-12-01T00:00:00Z` closes the books up to the end of November',
  })
  .transform((text) => new Date(text))
  .describe(
    'End of the period, exclusive: a moment at which a period may end (PERIOD_BOUNDARY), and PERIOD_SETTLING_MS ago or more.',
  )
  .meta({ examples: ['2026-12-01T00:00:00Z'] });

export const closeBody = z.strictObject({ until });
export const supersedeBody = z.strictObject({
  until,
  reason: z.string().trim().min(3).max(500).describe('Why a closed period is closed again.'),
});

const close = z.object({
  seq: z.number().int().describe('Counts all closes.'),
  number: z.number().int(),
  version: z.number().int().describe('The newest version of a number counts.'),
  from: time,
  until: time.describe('Exclusive.'),
  entries: z.string(),
  content_sha256: z.string(),
  totals_sha256: z.string(),
  previous_sha256: z.string().describe('Hash of the close before; empty for the first.'),
  sha256: z.string(),
  reason: z.string().nullable(),
  requested_by: z.string(),
  approved_by: z.string().nullable(),
  totals: z.array(z.object({ account: z.string(), debits: atomic, credits: atomic })),
});

export const periodAnswer = z.object({ period: close });
export const periodsAnswer = z.object({ periods: z.array(close), next_cursor: z.string().nullable() });
export const verdictAnswer = z.object({
  holds: z.boolean(),
  periods: z.array(
    z.object({
      seq: z.number().int(),
      number: z.number().int(),
      version: z.number().int(),
      sha256: z.string(),
      problems: z.array(z.string()).describe('Empty when the close holds.'),
    }),
  ),
});

export type CloseAnswer = z.output<typeof close>;
export type PeriodsAnswer = z.output<typeof periodsAnswer>;
export type VerdictAnswer = z.output<typeof verdictAnswer>;

export const toCloseAnswer = (one: PeriodClose): CloseAnswer => ({
  ...{ seq: one.seq, number: one.number, version: one.version },
  ...{ from: one.fromAt.toISOString(), until: one.untilAt.toISOString(), entries: one.entries.toString() },
  ...{
    content_sha256: one.contentSha256,
    totals_sha256: one.totalsSha256,
    previous_sha256: one.previousSha256,
    sha256: one.sha256,
  },
  ...{ reason: one.reason, requested_by: one.requestedBy, approved_by: one.approvedBy },
  totals: one.totals.map(({ account, debits, credits }) => ({ account, debits: debits.toString(), credits: credits.toString() })),
});

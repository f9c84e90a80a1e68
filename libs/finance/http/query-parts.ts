import { z } from 'zod';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { MAX_REPORT_DAYS, reportDays, type ReportDays } from '../domain/report-days';

/** Parts that the queries and answers of the finance API share. */

export const instant = (description: string) =>
  z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .optional()
    .describe(description);

export const walletParameter = (description: string) =>
  z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, 'an EVM address: 0x and 40 hex digits')
    .transform((text) => text.toLowerCase())
    .optional()
    .describe(description);

export const operationParameter = z.string().min(1).max(100).optional().describe('Operation, for example `sandbox.exec`.');

/** A whole amount as a decimal text: a JSON number cannot hold it. */
export const atomic = z
  .string()
  .regex(/^[0-9]+$/)
  .describe('Atomic units, as a decimal text.');

export const signedAtomic = z
  .string()
  .regex(/^-?[0-9]+$/)
  .describe('Atomic units, as a decimal text; negative where more was taken back than came.');

export const time = z.iso.datetime();

const day = (description: string) =>
  z.iso
    .date()
    .transform((text) => new Date(`${text}T00:00:00.000Z`))
    .optional()
    .describe(description);

/** `from` and `to` of a report. Reports are of whole days in UTC. */
export const dayParameters = {
  from: day('First day in UTC, for example `2026-11-01`; by default 31 days before `to`.'),
  to: day(`The day after the last one; by default tomorrow. At most ${MAX_REPORT_DAYS} days after \`from\`.`),
};

/** @throws TollboxError `invalid_query` when the days are no range */
export function daysOrRefuse(asked: { from?: Date | undefined; to?: Date | undefined }, nowMs: number): ReportDays {
  const days = reportDays(asked, nowMs);
  if (days !== undefined) return days;
  const message = `\`to\` must be 1 to ${MAX_REPORT_DAYS} days after \`from\``;
  throw new TollboxError('invalid_query', { details: [{ code: 'custom', path: ['to'], message }] });
}

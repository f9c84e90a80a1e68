import { z } from 'zod';
import { refusedParameter } from '@tollbox/platform/http/parameter-issues';
import { textParameter } from '@tollbox/platform/http/query-parameters';
import { MAX_REPORT_DAYS, reportDays, type ReportDays } from '../domain/report-days';

/** Parts that the queries and answers of the finance API share. */

export const operationParameter = textParameter(100, 'Operation, for example `sandbox.exec`; one that is or was sold.');

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
    .date({ error: 'a day, for example `2026-11-01`' })
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
  throw refusedParameter('to', asked.to?.toISOString().slice(0, 10), `1 to ${MAX_REPORT_DAYS} days after \`from\``);
}

/** Whole days in UTC: from the first one until the day after the last one. */
export interface ReportDays {
  readonly from: Date;
  readonly to: Date;
}

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 31;
export const MAX_REPORT_DAYS = 366;

/** The days of a report with the defaults filled in: the newest ones, today included. Undefined when they are no range. */
export function reportDays(asked: { from?: Date | undefined; to?: Date | undefined }, nowMs: number): ReportDays | undefined {
  const to = asked.to ?? new Date(Math.floor(nowMs / DAY_MS) * DAY_MS + DAY_MS);
  const from = asked.from ?? new Date(to.getTime() - DEFAULT_DAYS * DAY_MS);
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  return days >= 1 && days <= MAX_REPORT_DAYS ? { from, to } : undefined;
}

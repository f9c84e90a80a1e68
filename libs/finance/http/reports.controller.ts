import { Controller, Get, Inject, Query } from '@nestjs/common';
import { z } from 'zod';
import { CLOCK, type Clock } from '@tollbox/platform/clock/clock';
import { refusedParameter } from '@tollbox/platform/http/parameter-issues';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { KnownNames } from '../application/known-names';
import { AGEING_REPORT, type AgeingReport } from '../application/ports/ageing-report';
import { REVENUE_REPORT, type RevenueReport } from '../application/ports/revenue-report';
import { ageingAnswer, toAgeingAnswer, type AgeingAnswer } from './ageing-schemas';
import { refuseUnknownName } from './known-name';
import { daysOrRefuse } from './query-parts';
import { revenueAnswer, revenueCursor, revenueQuery, type RevenueAnswer } from './revenue-schemas';

const noParameters = z.strictObject({});

/** What was earned, and what has not arrived. */
@Controller('finance')
export class ReportsController {
  constructor(
    @Inject(REVENUE_REPORT) private readonly revenueReport: RevenueReport,
    @Inject(AGEING_REPORT) private readonly ageingReport: AgeingReport,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly known: KnownNames,
  ) {}

  @Get('revenue')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Revenue by day, operation, network and wallet',
    query: revenueQuery,
    answer: revenueAnswer,
  })
  async revenue(@Query() query: Record<string, unknown>): Promise<RevenueAnswer> {
    const { from, to, group_by: groupBy, cursor, limit, ...filter } = parseOrRefuse(revenueQuery, query, 'invalid_query');
    if (filter.operation !== undefined) refuseUnknownName('operation', filter.operation, await this.known.soldOperations());
    const days = daysOrRefuse({ from, to }, this.clock.nowMs());
    if (cursor !== undefined && cursor.length !== groupBy.length)
      throw refusedParameter('cursor', query.cursor, 'a cursor of a report with the same `group_by`');
    const page = await this.revenueReport.page({ ...filter, days, groupBy }, cursor, limit);
    const last = page.rows.at(-1);
    return {
      from: days.from.toISOString().slice(0, 10),
      to: days.to.toISOString().slice(0, 10),
      asset: 'USDC',
      rows: [...page.rows],
      next_cursor: page.hasMore && last !== undefined ? revenueCursor.encode(groupBy.map((key) => last[key] ?? '')) : null,
      totals: page.totals,
    };
  }

  @Get('ageing')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Unsettled and unknown payments and debts, by age',
    query: noParameters,
    answer: ageingAnswer,
  })
  async ageing(@Query() query: unknown): Promise<AgeingAnswer> {
    parseOrRefuse(noParameters, query, 'invalid_query');
    const now = new Date(this.clock.nowMs());
    return toAgeingAnswer(now, await this.ageingReport.buckets(now));
  }
}

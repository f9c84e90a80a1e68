import { Controller, Get, Inject, Query } from '@nestjs/common';
import { CLOCK, type Clock } from '@tollbox/platform/clock/clock';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { MARGIN_REPORT, type MarginReport } from '../application/ports/margin-report';
import {
  operationMarginAnswer,
  operationMarginQuery,
  sandboxMarginAnswer,
  sandboxMarginQuery,
  sandboxPlace,
  type OperationMarginAnswer,
  type SandboxMarginAnswer,
} from './margin-schemas';
import { daysOrRefuse } from './query-parts';

/** What is left of what was earned. */
@Controller('finance')
export class MarginController {
  constructor(
    @Inject(MARGIN_REPORT) private readonly margins: MarginReport,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get('margin/operations')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Revenue less gas, facilitator fees and provider cost by operation, also in USD',
    query: operationMarginQuery,
    answer: operationMarginAnswer,
  })
  async byOperation(@Query() query: unknown): Promise<OperationMarginAnswer> {
    const days = daysOrRefuse(parseOrRefuse(operationMarginQuery, query, 'invalid_query'), this.clock.nowMs());
    return { from: dateOf(days.from), to: dateOf(days.to), operations: [...(await this.margins.byOperation(days))] };
  }

  @Get('margin/sandboxes')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'The same by sandbox, over all of its calls, newest sandbox first',
    query: sandboxMarginQuery,
    answer: sandboxMarginAnswer,
  })
  async bySandbox(@Query() query: unknown): Promise<SandboxMarginAnswer> {
    const { limit, cursor, ...range } = parseOrRefuse(sandboxMarginQuery, query, 'invalid_query');
    const days = daysOrRefuse(range, this.clock.nowMs());
    const after = cursor === undefined ? undefined : { createdAt: cursor[0], id: cursor[1] };
    const page = await this.margins.bySandbox(days, after, limit);
    const last = page.rows.at(-1);
    return {
      from: dateOf(days.from),
      to: dateOf(days.to),
      sandboxes: [...page.rows],
      next_cursor: page.hasMore && last !== undefined ? sandboxPlace.encode([last.created_at, last.sandbox_id]) : null,
    };
  }
}

const dateOf = (date: Date): string => date.toISOString().slice(0, 10);

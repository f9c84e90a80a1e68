import { Body, Controller, Get, Headers, HttpCode, Inject, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { ClosePeriod } from '@tollbox/ledger/application/close-period';
import { PERIOD_STORE, type PeriodStore } from '@tollbox/ledger/application/ports/period-store';
import { VerifyPeriods } from '@tollbox/ledger/application/verify-periods';
import { CurrentStaff, type StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { SecondKey } from '../application/second-key';
import {
  closeBody,
  closePlace,
  periodAnswer,
  periodsAnswer,
  periodsQuery,
  supersedeBody,
  toCloseAnswer,
  verdictAnswer,
  type CloseAnswer,
  type PeriodsAnswer,
  type VerdictAnswer,
} from './period-schemas';

const noParameters = z.strictObject({});

/** Periods of the books: closed, closed again, and verified. */
@Controller('finance/periods')
export class PeriodsController {
  constructor(
    @Inject(PERIOD_STORE) private readonly store: PeriodStore,
    private readonly closePeriod: ClosePeriod,
    private readonly verifyPeriods: VerifyPeriods,
    private readonly secondKey: SecondKey,
  ) {}

  @Get()
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Closes of periods with their totals and hashes, newest first',
    query: periodsQuery,
    answer: periodsAnswer,
  })
  async list(@Query() query: unknown): Promise<PeriodsAnswer> {
    const { limit, cursor } = parseOrRefuse(periodsQuery, query, 'invalid_query');
    const closes = [...(await this.store.closes())].reverse().filter(({ seq }) => cursor === undefined || seq < cursor[0]);
    const last = closes[limit - 1];
    return {
      periods: closes.slice(0, limit).map(toCloseAnswer),
      next_cursor: closes.length > limit && last !== undefined ? closePlace.encode([last.seq]) : null,
    };
  }

  @Get('verify')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Reads the journal again and holds every close and the chain of their hashes against it',
    query: noParameters,
    answer: verdictAnswer,
  })
  async verify(@Query() query: unknown): Promise<VerdictAnswer> {
    parseOrRefuse(noParameters, query, 'invalid_query');
    const { holds, periods } = await this.verifyPeriods.run();
    return {
      holds,
      periods: periods.map(({ close: { seq, number, version, sha256 }, problems }) => ({
        ...{ seq, number, version, sha256 },
        problems: [...problems],
      })),
    };
  }

  @Post('close')
  @HttpCode(200)
  @Staff({
    roles: ['finance'],
    summary: 'Close the books up to a time',
    body: closeBody,
    answer: periodAnswer,
    errors: ['period_not_over', 'conflict'],
  })
  async close(@Body() body: unknown, @CurrentStaff() staff: StaffCaller): Promise<{ period: CloseAnswer }> {
    const { until } = parseOrRefuse(closeBody, body ?? {});
    return { period: toCloseAnswer(await this.closePeriod.run({ until, requestedBy: staff.keyId })) };
  }

  @Post('supersede')
  @HttpCode(200)
  @Staff({
    roles: ['finance'],
    summary: 'Close the newest period again, with a reason and the key of a second person in X-Approval-Key',
    body: supersedeBody,
    answer: periodAnswer,
    errors: ['second_key_required', 'period_not_over', 'conflict'],
  })
  async supersede(
    @Body() body: unknown,
    @Headers('x-approval-key') approvalKey: string | undefined,
    @CurrentStaff() staff: StaffCaller,
  ): Promise<{ period: CloseAnswer }> {
    const { until, reason } = parseOrRefuse(supersedeBody, body ?? {});
    const approvedBy = await this.secondKey.approvalOf(approvalKey, staff.keyId);
    if (approvedBy === undefined) throw new TollboxError('second_key_required');
    return {
      period: toCloseAnswer(await this.closePeriod.run({ until, requestedBy: staff.keyId, supersede: { reason, approvedBy } })),
    };
  }
}

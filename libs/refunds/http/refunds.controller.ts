import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { CurrentStaff, type StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { recordId } from '@tollbox/platform/http/record-id';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { ManageRefunds } from '../application/manage-refunds';
import type { RefundActor } from '../application/ports/refund-store';
import {
  refundBody,
  refundCursor,
  refundDetailAnswer,
  refundsAnswer,
  refundsQuery,
  rejectionBody,
  type RefundsAnswer,
} from './refund-schemas';

const actorOf = ({ keyId, requestId, ip }: StaffCaller): RefundActor => ({ keyId, requestId, ip });

/** Money that is given back. */
@Controller('finance/refunds')
export class RefundsController {
  constructor(private readonly refunds: ManageRefunds) {}

  @Post()
  @HttpCode(200)
  @Staff({
    roles: ['finance'],
    summary: 'Request a refund; above the limits it waits for a second key',
    body: refundBody,
    answer: refundDetailAnswer,
    errors: ['not_found', 'refund_not_possible', 'conflict'],
  })
  request(@Body() body: unknown, @CurrentStaff() staff: StaffCaller): ReturnType<ManageRefunds['request']> {
    const { payment_id, amount, kind, reason, idempotency_key } = parseOrRefuse(refundBody, body);
    const request = {
      paymentId: payment_id,
      amountAtomic: BigInt(amount),
      kind,
      reason,
      idempotencyKey: idempotency_key ?? null,
    };
    return this.refunds.request(request, actorOf(staff));
  }

  @Post(':id/approve')
  @HttpCode(200)
  @Staff({
    roles: ['finance'],
    summary: 'Approve a refund that another key requested',
    answer: refundDetailAnswer,
    errors: ['second_key_required', 'conflict'],
  })
  approve(@Param('id') id: string, @CurrentStaff() staff: StaffCaller): ReturnType<ManageRefunds['approve']> {
    return this.refunds.approve(recordId(id, 'refund'), actorOf(staff));
  }

  @Post(':id/reject')
  @HttpCode(200)
  @Staff({
    roles: ['finance'],
    summary: 'Reject or withdraw a refund that was not sent yet',
    body: rejectionBody,
    answer: refundDetailAnswer,
    errors: ['conflict'],
  })
  reject(
    @Param('id') id: string,
    @Body() body: unknown,
    @CurrentStaff() staff: StaffCaller,
  ): ReturnType<ManageRefunds['reject']> {
    const { reason } = parseOrRefuse(rejectionBody, body);
    return this.refunds.reject(recordId(id, 'refund'), reason, actorOf(staff));
  }

  @Get()
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Refunds by state, kind, payment and wallet, newest first',
    query: refundsQuery,
    answer: refundsAnswer,
  })
  async list(@Query() query: unknown): Promise<RefundsAnswer> {
    const { limit, cursor, ...filter } = parseOrRefuse(refundsQuery, query, 'invalid_query');
    const after = cursor === undefined ? null : { requestedAt: cursor[0], id: cursor[1] };
    const { refunds, hasMore } = await this.refunds.list(filter, limit, after);
    const last = refunds.at(-1);
    return {
      refunds: [...refunds],
      next_cursor: hasMore && last !== undefined ? refundCursor.encode([last.requested_at, last.id]) : null,
    };
  }

  @Get(':id')
  @Staff({ roles: ['finance', 'auditor'], summary: 'One refund with its history', answer: refundDetailAnswer })
  show(@Param('id') id: string): ReturnType<ManageRefunds['show']> {
    return this.refunds.show(recordId(id, 'refund'));
  }
}

import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { PAYMENTS_READ_MODEL, type PaymentsReadModel } from '../application/ports/payments-read-model';
import { ShowPayment } from '../application/show-payment';
import type { PaymentDetail } from '../domain/payment-records';
import { paymentAnswer, paymentCursor, paymentsAnswer, paymentsQuery, type PaymentsAnswer } from './payment-schemas';

/** What was paid, by whom, for what, and what became of it. */
@Controller('finance/payments')
export class PaymentsController {
  constructor(
    @Inject(PAYMENTS_READ_MODEL) private readonly readModel: PaymentsReadModel,
    private readonly showPayment: ShowPayment,
  ) {}

  @Get()
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Payments by wallet, state, time and operation, newest first, with totals',
    query: paymentsQuery,
    answer: paymentsAnswer,
  })
  async list(@Query() query: unknown): Promise<PaymentsAnswer> {
    const { limit, cursor, operation_id, ...filter } = parseOrRefuse(paymentsQuery, query, 'invalid_query');
    const after = cursor === undefined ? undefined : { claimedAt: cursor[0], id: cursor[1] };
    const page = await this.readModel.page({ ...filter, operationId: operation_id }, after, limit);
    const last = page.payments.at(-1);
    return {
      payments: [...page.payments],
      next_cursor: page.hasMore && last !== undefined ? paymentCursor.encode([last.claimed_at, last.id]) : null,
      totals: { ...page.totals, by_state: { ...page.totalsByState } },
    };
  }

  @Get(':id')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'One payment with its history, its settlement and what it bought',
    answer: paymentAnswer,
  })
  show(@Param('id') id: string): Promise<PaymentDetail> {
    // A text that is no UUID names no payment; PostgreSQL would fail on it.
    if (!z.uuid().safeParse(id).success) throw new TollboxError('not_found', { message: 'There is no payment with this id.' });
    return this.showPayment.run(id);
  }
}

import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { recordId } from '@tollbox/platform/http/record-id';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { KnownNames } from '../application/known-names';
import { PAYMENTS_READ_MODEL, type PaymentsReadModel } from '../application/ports/payments-read-model';
import { ShowPayment } from '../application/show-payment';
import type { PaymentDetail } from '../domain/payment-records';
import { refuseUnknownName } from './known-name';
import {
  paymentAnswer,
  paymentCursor,
  paymentsAnswer,
  paymentsQuery,
  toTotalsAnswer,
  type PaymentsAnswer,
} from './payment-schemas';

/** What was paid, by whom, for what, and what became of it. */
@Controller('finance/payments')
export class PaymentsController {
  constructor(
    @Inject(PAYMENTS_READ_MODEL) private readonly readModel: PaymentsReadModel,
    private readonly showPayment: ShowPayment,
    private readonly known: KnownNames,
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
    if (filter.operation !== undefined) refuseUnknownName('operation', filter.operation, await this.known.soldOperations());
    const after = cursor === undefined ? undefined : { claimedAt: cursor[0], id: cursor[1] };
    const page = await this.readModel.page({ ...filter, operationId: operation_id }, after, limit);
    const last = page.payments.at(-1);
    return {
      payments: [...page.payments],
      next_cursor: page.hasMore && last !== undefined ? paymentCursor.encode([last.claimed_at, last.id]) : null,
      totals: toTotalsAnswer(page.totals),
    };
  }

  @Get(':id')
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'One payment with its history, its settlement and what it bought',
    answer: paymentAnswer,
  })
  show(@Param('id') id: string): Promise<PaymentDetail> {
    return this.showPayment.run(recordId(id, 'payment'));
  }
}

import { Controller, Get, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { Staff } from '@tollbox/platform/routes/access.decorators';
import { ListPayments, type PaymentsPage } from '../application/list-payments';
import { ShowPayment } from '../application/show-payment';
import type { PaymentDetail } from '../domain/payment-records';
import { paymentAnswer, paymentsAnswer, paymentsQuery } from './payment-schemas';

/** What was paid, by whom, for what, and what became of it. */
@Controller('finance/payments')
export class PaymentsController {
  constructor(
    private readonly listPayments: ListPayments,
    private readonly showPayment: ShowPayment,
  ) {}

  @Get()
  @Staff({
    roles: ['finance', 'auditor'],
    summary: 'Payments by wallet, state, time and operation, newest first, with totals',
    query: paymentsQuery,
    answer: paymentsAnswer,
  })
  list(@Query() query: unknown): Promise<PaymentsPage> {
    const { limit, cursor, ...filter } = parseOrRefuse(paymentsQuery, query, 'invalid_query');
    return this.listPayments.run(filter, limit, cursor);
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

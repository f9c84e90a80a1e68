import { Module } from '@nestjs/common';
import { SANDBOX_PAYMENTS } from '@tollbox/platform/operations/operation-payments';
import { ListPayments } from './application/list-payments';
import { PAYMENTS_READ_MODEL } from './application/ports/payments-read-model';
import { ShowPayment } from './application/show-payment';
import { PaymentsController } from './http/payments.controller';
import { PostgresPaymentsReadModel } from './infrastructure/postgres-payments-read-model';

/**
 * The payments of an operation (SANDBOX_PAYMENTS). The gateway gives it to the admin view of a sandbox, because
 * sandboxes must not import finance. Needs PlatformModule.
 */
@Module({
  providers: [PostgresPaymentsReadModel, { provide: SANDBOX_PAYMENTS, useExisting: PostgresPaymentsReadModel }],
  exports: [PostgresPaymentsReadModel, SANDBOX_PAYMENTS],
})
export class FinanceReadModule {}

/** The finance API. Needs PlatformModule and AccessModule. */
@Module({
  imports: [FinanceReadModule],
  controllers: [PaymentsController],
  providers: [ListPayments, ShowPayment, { provide: PAYMENTS_READ_MODEL, useExisting: PostgresPaymentsReadModel }],
  exports: [FinanceReadModule],
})
export class FinanceModule {}

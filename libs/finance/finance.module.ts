import { Module } from '@nestjs/common';
import { SANDBOX_PAYMENTS } from '@tollbox/platform/operations/operation-payments';
import { AGEING_REPORT } from './application/ports/ageing-report';
import { JOURNAL_ENTRIES } from './application/ports/journal-entries';
import { PAYMENTS_READ_MODEL } from './application/ports/payments-read-model';
import { REVENUE_REPORT } from './application/ports/revenue-report';
import { ShowPayment } from './application/show-payment';
import { EntriesController } from './http/entries.controller';
import { PaymentsController } from './http/payments.controller';
import { ReportsController } from './http/reports.controller';
import { PostgresAgeingReport } from './infrastructure/postgres-ageing-report';
import { PostgresJournalEntries } from './infrastructure/postgres-journal-entries';
import { PostgresPaymentsReadModel } from './infrastructure/postgres-payments-read-model';
import { PostgresRevenueReport } from './infrastructure/postgres-revenue-report';

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
  controllers: [PaymentsController, EntriesController, ReportsController],
  providers: [
    ShowPayment,
    { provide: PAYMENTS_READ_MODEL, useExisting: PostgresPaymentsReadModel },
    { provide: JOURNAL_ENTRIES, useClass: PostgresJournalEntries },
    { provide: REVENUE_REPORT, useClass: PostgresRevenueReport },
    { provide: AGEING_REPORT, useClass: PostgresAgeingReport },
  ],
  exports: [FinanceReadModule],
})
export class FinanceModule {}

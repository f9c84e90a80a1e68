import { Module } from '@nestjs/common';
import { SANDBOX_PAYMENTS } from '@tollbox/platform/operations/operation-payments';
import { ExportDatasetFile } from './application/export-dataset';
import { AGEING_REPORT } from './application/ports/ageing-report';
import { EXPORT_FORMAT_TABLE, type ExportFormat, type ExportFormatName } from './application/ports/export-encoder';
import { EXPORT_SOURCE } from './application/ports/export-source';
import { JOURNAL_ENTRIES } from './application/ports/journal-entries';
import { PAYMENTS_READ_MODEL } from './application/ports/payments-read-model';
import { REVENUE_REPORT } from './application/ports/revenue-report';
import { ShowPayment } from './application/show-payment';
import { EntriesController } from './http/entries.controller';
import { ExportsController } from './http/exports.controller';
import { PaymentsController } from './http/payments.controller';
import { ReportsController } from './http/reports.controller';
import { csvFormat } from './infrastructure/csv-format';
import { parquetFormat } from './infrastructure/parquet-format';
import { PostgresAgeingReport } from './infrastructure/postgres-ageing-report';
import { PostgresExportSource } from './infrastructure/postgres-export-source';
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

const EXPORT_FORMAT_VALUES: Readonly<Record<ExportFormatName, ExportFormat>> = { csv: csvFormat, parquet: parquetFormat };

/** The finance API. Needs PlatformModule and AccessModule. */
@Module({
  imports: [FinanceReadModule],
  controllers: [PaymentsController, EntriesController, ReportsController, ExportsController],
  providers: [
    ShowPayment,
    ExportDatasetFile,
    { provide: EXPORT_SOURCE, useClass: PostgresExportSource },
    { provide: EXPORT_FORMAT_TABLE, useValue: EXPORT_FORMAT_VALUES },
    { provide: PAYMENTS_READ_MODEL, useExisting: PostgresPaymentsReadModel },
    { provide: JOURNAL_ENTRIES, useClass: PostgresJournalEntries },
    { provide: REVENUE_REPORT, useClass: PostgresRevenueReport },
    { provide: AGEING_REPORT, useClass: PostgresAgeingReport },
  ],
  exports: [FinanceReadModule],
})
export class FinanceModule {}

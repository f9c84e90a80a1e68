import { Module, type DynamicModule, type Type } from '@nestjs/common';
import type { Pool } from 'pg';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { LedgerModule } from '@tollbox/ledger/ledger.module';
import { AccessModule } from '@tollbox/platform/access/access.module';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { networkOf } from '@tollbox/platform/config/networks';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { SANDBOX_PAYMENTS } from '@tollbox/platform/operations/operation-payments';
import { ExportDatasetFile } from './application/export-dataset';
import { KnownNames } from './application/known-names';
import { AGEING_REPORT } from './application/ports/ageing-report';
import { DEBT_BOOK } from './application/ports/debt-book';
import { EXPORT_FORMAT_TABLE, type ExportFormat, type ExportFormatName } from './application/ports/export-encoder';
import { EXPORT_SOURCE } from './application/ports/export-source';
import { JOURNAL_ENTRIES } from './application/ports/journal-entries';
import { MARGIN_REPORT } from './application/ports/margin-report';
import { OPEN_ITEMS } from './application/ports/open-items';
import { PAYMENTS_READ_MODEL } from './application/ports/payments-read-model';
import { REVENUE_REPORT } from './application/ports/revenue-report';
import { SecondKey } from './application/second-key';
import { ShowPayment } from './application/show-payment';
import { WriteOffDebt } from './application/write-off-debt';
import { EntriesController } from './http/entries.controller';
import { ExportsController } from './http/exports.controller';
import { LedgerController } from './http/ledger.controller';
import { MarginController } from './http/margin.controller';
import { OpenItemsController } from './http/open-items.controller';
import { PaymentsController } from './http/payments.controller';
import { PeriodsController } from './http/periods.controller';
import { ReportsController } from './http/reports.controller';
import { csvFormat } from './infrastructure/csv-format';
import { parquetFormat } from './infrastructure/parquet-format';
import { PostgresAgeingReport } from './infrastructure/postgres-ageing-report';
import { PostgresDebtBook } from './infrastructure/postgres-debt-book';
import { PostgresExportSource } from './infrastructure/postgres-export-source';
import { PostgresJournalEntries } from './infrastructure/postgres-journal-entries';
import { PostgresMarginReport } from './infrastructure/postgres-margin-report';
import { PostgresOpenItems } from './infrastructure/postgres-open-items';
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
  imports: [FinanceReadModule, AccessModule, LedgerModule],
  controllers: [
    PaymentsController,
    EntriesController,
    ReportsController,
    LedgerController,
    OpenItemsController,
    MarginController,
    PeriodsController,
    ExportsController,
  ],
  providers: [
    ShowPayment,
    KnownNames,
    ExportDatasetFile,
    SecondKey,
    WriteOffDebt,
    { provide: MARGIN_REPORT, useClass: PostgresMarginReport },
    { provide: OPEN_ITEMS, useClass: PostgresOpenItems },
    {
      provide: DEBT_BOOK,
      inject: [PG_POOL, CONFIG, AuditLog],
      useFactory: (pool: Pool, config: Config, audit: AuditLog) =>
        new PostgresDebtBook(pool, new Journal(networkOf(config).caip2), audit),
    },
    { provide: EXPORT_SOURCE, useClass: PostgresExportSource },
    { provide: EXPORT_FORMAT_TABLE, useValue: EXPORT_FORMAT_VALUES },
    { provide: PAYMENTS_READ_MODEL, useExisting: PostgresPaymentsReadModel },
    { provide: JOURNAL_ENTRIES, useClass: PostgresJournalEntries },
    { provide: REVENUE_REPORT, useClass: PostgresRevenueReport },
    { provide: AGEING_REPORT, useClass: PostgresAgeingReport },
  ],
  exports: [FinanceReadModule],
})
export class FinanceModule {
  /** @param operations module that exports OperationRegistry: what is sold can be asked for before it has earned */
  static forGateway(operations: Type): DynamicModule {
    return { module: FinanceModule, imports: [operations] };
  }
}

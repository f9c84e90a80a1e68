import { Logger, Module } from '@nestjs/common';
import type { Pool } from 'pg';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { RepeatedWork } from '@tollbox/platform/process/repeated-work';
import { ClosePeriod } from './application/close-period';
import { FoldJournal } from './application/fold-journal';
import { LEDGER_QUERIES } from './application/ports/ledger-queries';
import { PERIOD_STORE, type PeriodStore } from './application/ports/period-store';
import { VerifyPeriods } from './application/verify-periods';
import { PostgresLedgerQueries } from './infrastructure/postgres-ledger-queries';
import { PostgresPeriods } from './infrastructure/postgres-periods';
import { PostgresRollups } from './infrastructure/postgres-rollups';

const CLOSE_POLL_MS = 50;

/** Balances and periods, for who answers finance. Needs PlatformModule. */
@Module({
  providers: [
    { provide: LEDGER_QUERIES, inject: [PG_POOL], useFactory: (pool: Pool) => new PostgresLedgerQueries(pool) },
    {
      provide: PERIOD_STORE,
      inject: [PG_POOL, AuditLog],
      useFactory: (pool: Pool, audit: AuditLog) => new PostgresPeriods(pool, audit),
    },
    {
      provide: ClosePeriod,
      inject: [PERIOD_STORE, CONFIG],
      useFactory: (store: PeriodStore, config: Config) =>
        new ClosePeriod(store, {
          waitMs: config.PERIOD_CLOSE_WAIT_MS,
          pollMs: CLOSE_POLL_MS,
          settlingMs: config.PERIOD_SETTLING_MS,
          boundary: config.PERIOD_BOUNDARY,
        }),
    },
    { provide: VerifyPeriods, inject: [PERIOD_STORE], useFactory: (store: PeriodStore) => new VerifyPeriods(store) },
  ],
  exports: [LEDGER_QUERIES, PERIOD_STORE, ClosePeriod, VerifyPeriods],
})
export class LedgerModule {}

const logger = new Logger('Ledger');

/** Keeps the rollups up to the journal. For the worker; needs PlatformModule. */
@Module({
  providers: [
    {
      provide: RepeatedWork,
      inject: [PG_POOL, CONFIG],
      useFactory: (pool: Pool, config: Config) => {
        const fold = new FoldJournal(new PostgresRollups(pool), config.LEDGER_FOLD_BATCH);
        const step = { name: 'fold the journal', intervalMs: config.LEDGER_FOLD_INTERVAL_MS, run: fold.run.bind(fold) };
        return new RepeatedWork([step], {
          graceMs: config.SHUTDOWN_GRACE_MS,
          onProblem: (error, name) => logger.warn({ msg: `${name} failed and is tried again`, err: error }),
        });
      },
    },
  ],
})
export class LedgerWorkerModule {}

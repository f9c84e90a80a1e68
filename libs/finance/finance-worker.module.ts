import { Logger, Module } from '@nestjs/common';
import type { Pool } from 'pg';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { networkOf } from '@tollbox/platform/config/networks';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { RepeatedWork } from '@tollbox/platform/process/repeated-work';
import { BookProviderCosts } from './application/book-provider-costs';
import { FoldDays } from './application/fold-days';
import { PostgresDaySums } from './infrastructure/postgres-day-sums';
import { PostgresUsageBook } from './infrastructure/postgres-usage-book';

const BATCH = 200;
const logger = new Logger('Finance');

/** Books what sandboxes cost, and keeps the daily sums up to the ledger. For the worker; needs PlatformModule. */
@Module({
  providers: [
    {
      provide: RepeatedWork,
      inject: [PG_POOL, CONFIG],
      useFactory: (pool: Pool, config: Config) => {
        const book = new PostgresUsageBook(pool, new Journal(networkOf(config).caip2));
        const costs = new BookProviderCosts(book, BATCH, (count) =>
          logger.error({ msg: `${count} ended sandboxes have no rate in provider_rates`, alarm: true }),
        );
        const step = { name: 'book provider costs', intervalMs: config.PROVIDER_COST_INTERVAL_MS, run: costs.run.bind(costs) };
        const days = new FoldDays(new PostgresDaySums(pool), config.LEDGER_FOLD_BATCH);
        const fold = { name: 'fold the days', intervalMs: config.LEDGER_FOLD_INTERVAL_MS, run: days.run.bind(days) };
        return new RepeatedWork([step, fold], {
          graceMs: config.SHUTDOWN_GRACE_MS,
          onProblem: (error, name) => logger.warn({ msg: `${name} failed and is tried again`, err: error }),
        });
      },
    },
  ],
})
export class FinanceWorkerModule {}

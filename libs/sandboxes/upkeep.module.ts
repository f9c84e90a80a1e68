import { Logger, Module } from '@nestjs/common';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { RepeatedWork } from '@tollbox/platform/process/repeated-work';
import type { Pool } from 'pg';
import { KeepExecutions } from './application/keep-executions';
import { PgExecutionLog } from './infrastructure/persistence/execution-log';

const EXECUTIONS_INTERVAL_MS = 300_000;
const TRIM_BATCH = 200;
const UPKEEP = Symbol('SandboxUpkeep');
const logger = new Logger('SandboxUpkeep');

/** What the records of sandboxes need from time to time. For the worker; needs PlatformModule. */
@Module({
  providers: [
    {
      provide: UPKEEP,
      inject: [CONFIG, PG_POOL],
      useFactory: (config: Config, pool: Pool) => {
        const executions = new KeepExecutions(
          new PgExecutionLog(pool),
          { wholeOutputMs: config.EXEC_OUTPUT_KEPT_MS, months: config.EXEC_LOG_MONTHS, batch: TRIM_BATCH },
          (message) => logger.log(message),
        );
        const step = { name: 'keep executions', intervalMs: EXECUTIONS_INTERVAL_MS, run: executions.run.bind(executions) };
        return new RepeatedWork([step], {
          graceMs: config.SHUTDOWN_GRACE_MS,
          onProblem: (error, name) => logger.warn({ msg: `${name} failed and is tried again`, err: error }),
        });
      },
    },
  ],
})
export class SandboxUpkeepModule {}

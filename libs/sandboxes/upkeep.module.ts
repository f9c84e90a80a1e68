import { Logger, Module } from '@nestjs/common';
import { IDS, RANDOM, type Ids, type Random } from '@tollbox/platform/clock/random';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { InstallationService } from '@tollbox/platform/installation/installation.service';
import { RepeatedWork, type RepeatedStep } from '@tollbox/platform/process/repeated-work';
import type { Pool } from 'pg';
import { KeepExecutions } from './application/keep-executions';
import { KeepPool } from './application/keep-pool';
import { POOL_STORE, type PoolStore } from './application/ports/pool-store';
import { SANDBOX_STORE, type SandboxStore } from './application/ports/sandbox-store';
import { ProviderCalls } from './application/provider-calls';
import { poolSettings } from './application/pool-settings';
import { newSandboxId } from './domain/sandbox-id';
import { PgExecutionLog } from './infrastructure/persistence/execution-log';
import { SandboxesModule } from './sandboxes.module';

const EXECUTIONS_INTERVAL_MS = 300_000;
const TRIM_BATCH = 200;
const UPKEEP = Symbol('SandboxUpkeep');
const logger = new Logger('SandboxUpkeep');

function executionsStep(config: Config, pool: Pool): RepeatedStep {
  const executions = new KeepExecutions(
    new PgExecutionLog(pool),
    { wholeOutputMs: config.EXEC_OUTPUT_KEPT_MS, months: config.EXEC_LOG_MONTHS, batch: TRIM_BATCH },
    (message) => logger.log(message),
  );
  return { name: 'keep executions', intervalMs: EXECUTIONS_INTERVAL_MS, run: executions.run.bind(executions) };
}

/** What the records of sandboxes need from time to time, and the warm pool. For the worker; needs PlatformModule. */
@Module({
  imports: [SandboxesModule],
  providers: [
    {
      provide: UPKEEP,
      inject: [CONFIG, PG_POOL, POOL_STORE, SANDBOX_STORE, ProviderCalls, InstallationService, IDS, RANDOM],
      useFactory: async (
        config: Config,
        pool: Pool,
        members: PoolStore,
        sandboxes: SandboxStore,
        provider: ProviderCalls,
        installation: InstallationService,
        ids: Ids,
        random: Random,
      ) => {
        await installation.load();
        const keeper = new KeepPool(
          members,
          sandboxes,
          provider,
          installation,
          ids,
          () => newSandboxId((length) => random.bytes(length)),
          poolSettings(config, `worker:${process.pid}:${ids.uuid()}`),
          (message, error) => logger.warn({ msg: message, err: error }),
        );
        const pooling = { name: 'keep the pool', intervalMs: config.POOL_INTERVAL_MS, run: keeper.run.bind(keeper) };
        return new RepeatedWork([executionsStep(config, pool), ...(config.POOL_MAX > 0 ? [pooling] : [])], {
          graceMs: config.SHUTDOWN_GRACE_MS,
          onProblem: (error, name) => logger.warn({ msg: `${name} failed and is tried again`, err: error }),
        });
      },
    },
  ],
})
export class SandboxUpkeepModule {}

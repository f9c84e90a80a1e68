import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AddressInfo } from 'node:net';
import type { Pool } from 'pg';
import { startPostgres, type Postgres } from '@tollbox/devstack/postgres';
import { migrateDeploy } from '@tollbox/devstack/migrate';
import { Run } from '@tollbox/devstack/run-record';
import { FinanceModule } from '@tollbox/finance/finance.module';
import { AccessModule } from '@tollbox/platform/access/access.module';
import { StaffKeys } from '@tollbox/platform/access/staff-keys';
import { loadConfig, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { createFastifyAdapter } from '@tollbox/platform/http/fastify-adapter';
import { HttpModule } from '@tollbox/platform/http/http.module';
import { PlatformModule } from '@tollbox/platform/platform.module';
import type { Staff } from './queries';

@Module({})
class FinanceGateway {
  static forRoot(config: Config): DynamicModule {
    return {
      module: FinanceGateway,
      imports: [PlatformModule.forRoot(config, 'bench'), HttpModule, AccessModule, FinanceModule],
    };
  }
}

/** A PostgreSQL of its own and the finance API over it. Nothing else runs. */
export interface ScaleWorld {
  readonly databaseUrl: string;
  readonly config: Config;
  readonly pool: Pool;
  readonly staff: Staff;
  close(): Promise<void>;
}

export async function openWorld(): Promise<ScaleWorld> {
  const run = Run.open('bench');
  const postgres = await startPostgres({ directory: run.directory, durable: true });
  run.addChild('database', postgres.pid);
  try {
    return await serve(run, postgres);
  } catch (error) {
    await postgres.stop();
    run.close();
    throw error;
  }
}

async function serve(run: Run, postgres: Postgres): Promise<ScaleWorld> {
  const databaseUrl = await postgres.createDatabase('scale');
  await migrateDeploy(databaseUrl);
  const config = loadConfig({
    DATABASE_URL: databaseUrl,
    RPC_URL: 'http://127.0.0.1:9',
    PAY_TO: `0x${'9'.repeat(40)}`,
    LOG_LEVEL: 'silent',
    REQUESTS_PER_MINUTE_PER_IP: '10000000',
    DATABASE_STATEMENT_TIMEOUT_MS: '600000',
  });
  const app = await NestFactory.create<NestFastifyApplication>(FinanceGateway.forRoot(config), createFastifyAdapter(config), {
    logger: false,
    abortOnError: false,
    bodyParser: false,
  });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const { token } = await app.get(StaffKeys).create({ name: 'bench', role: 'finance', lifetimeMs: 86_400_000, by: 'bench' });
  return {
    databaseUrl,
    config,
    pool: app.get<Pool>(PG_POOL),
    staff: { url: `http://127.0.0.1:${port}`, token },
    close: async () => {
      await app.close();
      await postgres.stop();
      run.close();
    },
  };
}

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { AddressInfo } from 'node:net';
import type { Pool } from 'pg';
import { ensureDatabase, withDatabaseName } from '@tollbox/devstack/database';
import { startPostgres } from '@tollbox/devstack/postgres';
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
import { ReconciliationModule } from '@tollbox/reconciliation/reconciliation.module';
import { RefundsModule } from '@tollbox/refunds/refunds.module';
import type { Staff } from './queries';

@Module({})
class FinanceGateway {
  static forRoot(config: Config): DynamicModule {
    return {
      module: FinanceGateway,
      imports: [
        ...[PlatformModule.forRoot(config, 'bench'), HttpModule, AccessModule],
        ...[FinanceModule, ReconciliationModule.forGateway(), RefundsModule.forGateway()],
      ],
    };
  }
}

/** Where the databases of a run are: in a PostgreSQL of its own, or in one that the caller keeps. */
export interface ScaleServer {
  /** URL of a database with the tables of this version; made when it is not there. */
  database(suffix?: string): Promise<string>;
  close(): Promise<void>;
}

/** @param keptUrl a database that is loaded once and measured again and again; its name says that it is meant for this */
export async function openServer(keptUrl?: string): Promise<ScaleServer> {
  if (keptUrl !== undefined) {
    const name = decodeURIComponent(new URL(keptUrl).pathname.slice(1));
    if (!name.startsWith('scale'))
      throw new Error(`the database to keep must have a name that begins with \`scale\`, not ${name}`);
    return { database: (suffix = '') => migrated(withDatabaseName(keptUrl, name + suffix)), close: () => Promise.resolve() };
  }
  const run = Run.open('bench');
  const postgres = await startPostgres({ directory: run.directory, durable: true });
  run.addChild('database', postgres.pid);
  return {
    database: (suffix = '') => migrated(postgres.url(`scale${suffix}`)),
    close: async () => {
      await postgres.stop();
      run.close();
    },
  };
}

async function migrated(url: string): Promise<string> {
  await ensureDatabase(url);
  await migrateDeploy(url);
  return url;
}

/** The finance API over a database. Nothing else runs. */
export interface ScaleGateway {
  readonly pool: Pool;
  readonly staff: Staff;
  close(): Promise<void>;
}

export async function openGateway(databaseUrl: string): Promise<ScaleGateway> {
  const config = loadConfig({
    DATABASE_URL: databaseUrl,
    RPC_URL: 'http://127.0.0.1:9',
    PAY_TO: `0x${'9'.repeat(40)}`,
    LOG_LEVEL: 'silent',
    REQUESTS_PER_MINUTE_PER_IP: '10000000',
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
    pool: app.get<Pool>(PG_POOL),
    staff: { url: `http://127.0.0.1:${port}`, token },
    close: () => app.close(),
  };
}

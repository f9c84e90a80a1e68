import type { ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AccessModule } from '@tollbox/platform/access/access.module';
import { StaffKeys } from '@tollbox/platform/access/staff-keys';
import { AdminModule } from '@tollbox/platform/admin/admin.module';
import { CLOCK, type Clock } from '@tollbox/platform/clock/clock';
import { loadConfig, type Config } from '@tollbox/platform/config/config';
import { createFastifyAdapter } from '@tollbox/platform/http/fastify-adapter';
import { HttpModule } from '@tollbox/platform/http/http.module';
import { PlatformModule } from '@tollbox/platform/platform.module';
import type { StaffRole } from '@tollbox/platform/routes/access.decorators';
import { testDatabase, type TestDatabase } from '../../support/stack';

export const PAY_TO = '0x90f79bf6eb2c4f870365e785982e1f101e93b906';
const DAY_MS = 86_400_000;

/** A clock that a spec sets. */
export class SettableClock implements Clock {
  constructor(private ms = Date.now()) {}
  nowMs(): number {
    return this.ms;
  }
  advance(ms: number): void {
    this.ms += ms;
  }
}

export interface TestApp {
  readonly app: NestFastifyApplication;
  readonly config: Config;
  readonly clock: SettableClock;
  readonly database: TestDatabase;
  /** A key of this role, good for a day. */
  key(role: StaffRole): Promise<{ token: string; id: string }>;
  close(): Promise<void>;
}

export function testConfig(databaseUrl: string, env: Record<string, string> = {}): Config {
  return loadConfig({ DATABASE_URL: databaseUrl, RPC_URL: 'http://127.0.0.1:9', PAY_TO, LOG_LEVEL: 'silent', ...env });
}

/** The platform's parts as the gateway composes them, on a database of its own. */
export async function startTestApp(metadata: ModuleMetadata = {}, env: Record<string, string> = {}): Promise<TestApp> {
  const database = await testDatabase();
  const config = testConfig(database.applicationUrl, env);
  const clock = new SettableClock();
  const imports = [PlatformModule.forRoot(config, 'spec'), HttpModule, AccessModule, AdminModule, ...(metadata.imports ?? [])];
  const builder = Test.createTestingModule({ ...metadata, imports })
    .overrideProvider(CLOCK)
    .useValue(clock);
  const app = (await builder.compile()).createNestApplication<NestFastifyApplication>(createFastifyAdapter(config, clock));
  app.useLogger(false);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  const keys = app.get(StaffKeys);
  return {
    app,
    config,
    clock,
    database,
    key: async (role) => {
      const { token, key } = await keys.create({ name: `spec ${role}`, role, lifetimeMs: DAY_MS, by: 'spec' });
      return { token, id: key.id };
    },
    close: async () => {
      await app.close();
      await database.drop();
    },
  };
}

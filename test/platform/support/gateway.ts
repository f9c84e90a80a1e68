import { Test } from '@nestjs/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Pool } from 'pg';
import type { Chain } from '@tollbox/devstack/chain';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { createFastifyAdapter } from '@tollbox/platform/http/fastify-adapter';
import { GatewayModule } from '../../../apps/gateway/src/app.module';
import { LocalControlPlane } from '../../support/modal/control-plane';
import { testChain, testDatabase, type TestDatabase } from '../../support/stack';
import { testConfig } from './test-app';

export interface TestGateway {
  readonly app: NestFastifyApplication;
  readonly chain: Chain;
  readonly database: TestDatabase;
  readonly pool: Pool;
  close(): Promise<void>;
}

/** The whole gateway in this process, on a database, a chain and a local Modal control plane of its own: no container engine is needed. */
export async function startGatewayInProcess(env: Record<string, string> = {}): Promise<TestGateway> {
  const [database, chain, modal] = await Promise.all([testDatabase(), testChain(), LocalControlPlane.start()]);
  Object.assign(process.env, modal.environment);
  const config = testConfig(database.url, { RPC_URL: chain.rpcUrl, SANDBOX_PROVIDER: 'modal', ...modal.environment, ...env });
  const module = await Test.createTestingModule({ imports: [GatewayModule.forRoot(config)] }).compile();
  const app: NestFastifyApplication = module.createNestApplication(createFastifyAdapter(config));
  app.useLogger(false);
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return {
    app,
    chain,
    database,
    pool: app.get<Pool>(PG_POOL),
    close: async () => {
      await app.close();
      await Promise.all([chain.stop(), modal.stop()]);
      await database.drop();
    },
  };
}

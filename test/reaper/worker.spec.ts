import { randomUUID } from 'node:crypto';
import { Test } from '@nestjs/testing';
import { PlatformModule } from '@tollbox/platform/platform.module';
import { ReaperModule } from '@tollbox/reaper/reaper.module';
import { CreateSandbox } from '@tollbox/sandboxes/application/create-sandbox';
import { SANDBOX_PROVIDER, type SandboxProvider } from '@tollbox/sandboxes/application/ports/provider';
import { InstallationService } from '@tollbox/platform/installation/installation.service';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { SandboxesModule } from '@tollbox/sandboxes/sandboxes.module';
import type { Pool } from 'pg';
import { testDatabase, testEngine, type TestDatabase } from '../support/stack';
import { ORDER, testConfig, wallet } from '../support/sandboxes/world';
import { eventually } from '../contract/provider-contract';

/** The reaper as the worker runs it, on a real engine. */
describe('the reaper in a worker', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());

  async function start(withReaper: boolean) {
    const { dockerHost, imageReferences } = testEngine();
    const config = testConfig(database.url, {
      DOCKER_HOST: dockerHost,
      SANDBOX_IMAGE_REFERENCES: imageReferences,
      REAPER_INTERVAL_MS: '100',
      REAPER_SWEEP_INTERVAL_MS: '500',
      REAPER_ORPHAN_MARGIN_MS: '0',
      SANDBOX_CREATE_DEADLINE_MS: '5000',
      LOG_LEVEL: 'silent',
    });
    const imports = [PlatformModule.forRoot(config, 'worker'), withReaper ? ReaperModule : SandboxesModule];
    const module = await Test.createTestingModule({ imports }).compile();
    module.useLogger(false);
    await module.init();
    return module;
  }

  it('ends what went over its time while no worker ran, and what is over it now', async () => {
    const gateway = await start(false);
    const create = (lifetimeMs: number) =>
      gateway
        .get(CreateSandbox, { strict: false })
        .execute({ owner: wallet(), operationId: randomUUID(), order: { ...ORDER, lifetimeMs } });
    const provider = gateway.get<SandboxProvider>(SANDBOX_PROVIDER, { strict: false });
    const installation = gateway.get(InstallationService, { strict: false }).id;
    const objects = async () =>
      (await provider.list(installation, AbortSignal.timeout(20_000))).map(({ sandboxId }) => sandboxId);
    const over = await create(300_000);
    const short = await create(300_000);
    const kept = await create(300_000);
    const pool = gateway.get<Pool>(PG_POOL, { strict: false });
    await pool.query(`UPDATE sandboxes SET deadline_at = now() - interval '1 h' WHERE id = $1`, [over.sandbox_id]);
    const worker = await start(true);
    try {
      await eventually(objects, (ids) => !ids.includes(over.sandbox_id));
      await pool.query(`UPDATE sandboxes SET deadline_at = now() WHERE id = $1`, [short.sandbox_id]);
      await eventually(objects, (ids) => !ids.includes(short.sandbox_id));
      expect(await objects()).toEqual([kept.sandbox_id]);
      const { rows } = await pool.query('SELECT id, state, reason FROM sandboxes ORDER BY created_at');
      expect(rows).toMatchObject([
        { state: 'terminated', reason: 'deadline' },
        { state: 'terminated', reason: 'deadline' },
        { state: 'running', reason: null },
      ]);
    } finally {
      await worker.close();
      for (const handle of await provider.list(installation, AbortSignal.timeout(20_000)))
        await provider.terminate(handle, AbortSignal.timeout(20_000));
      await gateway.close();
    }
  });
});

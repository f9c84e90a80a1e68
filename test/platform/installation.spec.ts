import { Logger } from '@nestjs/common';
import { Pool } from 'pg';
import { ConfigurationError } from '@tollbox/platform/config/config';
import { systemIds } from '@tollbox/platform/clock/random';
import { PG_POOL, createPgPool } from '@tollbox/platform/database/pg-pool';
import { InstallationService } from '@tollbox/platform/installation/installation.service';
import { testDatabase, type TestDatabase } from '../support/stack';
import { PAY_TO, startTestApp, testConfig } from './support/test-app';

describe('the installation', () => {
  let database: TestDatabase;
  const pools: Pool[] = [];
  const service = (env: Record<string, string> = {}): InstallationService => {
    const config = testConfig(database.url, env);
    const pool = createPgPool(config, 'spec');
    pools.push(pool);
    return new InstallationService(pool, config, systemIds);
  };

  beforeEach(async () => {
    database = await testDatabase();
  });
  afterEach(async () => {
    await Promise.all(pools.splice(0).map((pool) => pool.end()));
    await database.drop();
  });

  it('is one and the same for processes that start at once', async () => {
    const loaded = await Promise.all(Array.from({ length: 8 }, () => service().load()));
    expect(new Set(loaded.map(({ id }) => id)).size).toBe(1);
    expect(loaded[0]).toMatchObject({
      network: 'eip155:84532',
      asset: '0x036cbd53842c5426634e7929541ec2318f3dcf7e',
      payTo: PAY_TO,
    });
    const { rows } = await pools[0]!.query('SELECT count(*)::int AS count FROM installation');
    expect(rows).toEqual([{ count: 1 }]);
  });

  it('keeps its id over a restart', async () => {
    const before = await service().load();
    expect(await service().load()).toEqual(before);
  });

  it.each([
    [{ PAY_TO: `0x${'2'.repeat(40)}` }, ['PAY_TO']],
    [{ X402_NETWORK: 'base' }, ['X402_NETWORK', 'X402_NETWORK (token address)']],
  ])('refuses a start with %j, naming what differs', async (env, names) => {
    await service().load();
    const refused = await service(env as Record<string, string>)
      .load()
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ConfigurationError);
    expect((refused as ConfigurationError).problems.map((problem) => problem.split(':')[0])).toEqual(names);
    expect((refused as ConfigurationError).message).toMatch(/this database belongs to an installation with/);
  });

  it('drains for every process, keeps who did it first, and undrains', async () => {
    const [one, other] = [service(), service()];
    await one.load();
    expect(await other.isDraining()).toBe(false);
    const first = await one.drain('ann');
    expect(await one.drain('bob')).toEqual(first);
    expect(first).toMatchObject({ draining: true, drainedBy: 'ann', drainedAt: expect.any(Date) });
    expect(await other.isDraining()).toBe(true);
    expect(await other.undrain()).toEqual({ draining: false, drainedAt: null, drainedBy: null });
    expect(await one.isDraining()).toBe(false);
  });
});

describe('the database of a process', () => {
  it('has limits and a name on every connection, and closes them all at the end', async () => {
    const test = await startTestApp({}, { DATABASE_STATEMENT_TIMEOUT_MS: '700', DATABASE_POOL_SIZE: '2' });
    const watcher = new Pool({ connectionString: test.database.url, application_name: 'watcher' });
    const names = async () =>
      (
        await watcher.query<{ name: string }>(
          "SELECT DISTINCT application_name AS name FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'watcher' ORDER BY 1",
        )
      ).rows.map(({ name }) => name);
    try {
      const pool = test.app.get<Pool>(PG_POOL);
      expect(await names()).toEqual(['tollbox-spec']);
      await expect(pool.query('SELECT pg_sleep(30)')).rejects.toThrow(/statement timeout/);
      await test.app.close();
      expect(await names()).toEqual([]);
    } finally {
      await watcher.end();
      await test.close();
    }
  });

  it('survives that the server ends an idle connection', async () => {
    const test = await startTestApp();
    const warned = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    try {
      const pool = test.app.get<Pool>(PG_POOL);
      await pool.query('SELECT 1');
      const broken = new Promise((resolve) => pool.once('error', resolve));
      const killer = new Pool({ connectionString: test.database.url });
      await killer.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tollbox-spec'");
      await killer.end();
      await broken;
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      expect(warned).toHaveBeenCalledWith(expect.stringContaining('an idle database connection broke: terminating connection'));
    } finally {
      warned.mockRestore();
      await test.close();
    }
  });
});

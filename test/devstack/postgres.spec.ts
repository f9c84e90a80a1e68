import { existsSync, mkdtempSync, chmodSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withClient } from '@tollbox/devstack/database';
import { MigrationError, migrateDeploy } from '@tollbox/devstack/migrate';
import { startPostgres } from '@tollbox/devstack/postgres';
import { processStartTime } from '@tollbox/devstack/processes';
import { testDatabase } from '../support/stack';

describe('the embedded PostgreSQL', () => {
  it('serves a database under a password and leaves nothing when it stops', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'tollbox-postgres-spec-'));
    chmodSync(directory, 0o711);
    const postgres = await startPostgres({ directory });
    try {
      const url = await postgres.createDatabase('books');
      const { rows } = await withClient(url, (client) => client.query<{ name: string }>('SELECT current_database() AS name'));
      expect(rows).toEqual([{ name: 'books' }]);
      const stranger = new URL(url);
      stranger.password = 'guess';
      await expect(withClient(stranger.href, () => Promise.resolve())).rejects.toMatchObject({ code: '28P01' });
    } finally {
      await postgres.stop();
    }
    expect(processStartTime(postgres.pid)).toBeNull();
    expect(existsSync(path.join(directory, 'postgres'))).toBe(false);
    rmSync(directory, { recursive: true });
  });
});

describe('migrations', () => {
  it('apply once, also when two processes start at the same time', async () => {
    const database = await testDatabase({ migrated: false });
    const [first, second] = await Promise.all([migrateDeploy(database.url), migrateDeploy(database.url)]);
    expect(first.length + second.length).toBeGreaterThan(0);
    expect(Math.min(first.length, second.length)).toBe(0);
    expect(await migrateDeploy(database.url)).toEqual([]);
    await database.drop();
  });

  it('refuse a database whose applied migration was edited since', async () => {
    const database = await testDatabase();
    await withClient(database.url, (client) => client.query(`UPDATE _prisma_migrations SET checksum = repeat('0', 64)`));
    await expect(migrateDeploy(database.url)).rejects.toThrow(MigrationError);
    await database.drop();
  });

  it('are in every database that a spec asks for', async () => {
    const [one, two] = await Promise.all([testDatabase(), testDatabase()]);
    expect(one.name).not.toBe(two.name);
    const { rows } = await withClient(one.url, (client) =>
      client.query<{ t: string | null }>(`SELECT to_regclass('payments')::text AS t`),
    );
    expect(rows).toEqual([{ t: 'payments' }]);
    await Promise.all([one.drop(), two.drop()]);
  });
});

import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { Pool } from 'pg';
import { migrateDeploy } from '@tollbox/devstack/migrate';
import { testDatabase } from '../support/stack';

const ROOT = path.join(__dirname, '../..');
const PRISMA = path.join(ROOT, 'node_modules/prisma/build/index.js');

/** Runs Prisma's own CLI against a database, as an operator does. */
async function prisma(databaseUrl: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, DATABASE_URL: databaseUrl, CHECKPOINT_DISABLE: '1' };
  const { stdout } = await promisify(execFile)(process.execPath, [PRISMA, ...args], { cwd: ROOT, env, timeout: 50_000 });
  return stdout;
}

describe('prisma/migrations', () => {
  it('make exactly the tables of prisma/schema.prisma', async () => {
    const database = await testDatabase();
    const diff = ['migrate', 'diff', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma'];
    expect(await prisma(database.url, ...diff)).toContain('No difference detected');
    const pool = new Pool({ connectionString: database.url });
    await pool.query('ALTER TABLE leases ADD COLUMN surprise text');
    await pool.end();
    expect(await prisma(database.url, ...diff)).toContain('surprise');
    await database.drop();
  });

  it('can be applied by Prisma or by us, in any order', async () => {
    const database = await testDatabase({ migrated: false });
    expect(await prisma(database.url, 'migrate', 'deploy')).toContain('All migrations have been successfully applied');
    expect(await migrateDeploy(database.url)).toEqual([]);
    await database.drop();

    const other = await testDatabase();
    expect(await prisma(other.url, 'migrate', 'deploy')).toContain('No pending migrations');
    await other.drop();
  });
});

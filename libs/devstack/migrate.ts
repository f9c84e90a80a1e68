import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { ensureApplicationLogin, userOf } from './application-login';
import { createDatabase, ensureDatabase, withClient, withDatabaseName } from './database';
import { projectRoot } from './paths';

/** The advisory lock, the table and the checksums are those of `prisma migrate deploy`: both may be used on one database. */
const PRISMA_MIGRATE_LOCK = 72_707_369;
const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL,
  logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)`;

/** Thrown when the database and the migrations of this version do not go together; the message says what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

function migrationsOnDisk(directory: string): Migration[] {
  return readdirSync(directory)
    .sort()
    .filter((name) => existsSync(path.join(directory, name, 'migration.sql')))
    .map((name) => {
      const sql = readFileSync(path.join(directory, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

interface AppliedRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
  logs: string | null;
}

async function appliedChecksums(client: Client): Promise<Map<string, string>> {
  const { rows } = await client.query<AppliedRow>('SELECT * FROM _prisma_migrations WHERE rolled_back_at IS NULL');
  const failed = rows.find((row) => row.finished_at === null);
  if (failed !== undefined) {
    throw new MigrationError(
      `migration ${failed.migration_name} failed earlier; resolve it with \`npx prisma migrate resolve\`. Its log: ${failed.logs ?? 'none'}`,
    );
  }
  return new Map(rows.map((row) => [row.migration_name, row.checksum]));
}

async function apply(client: Client, migration: Migration): Promise<void> {
  const id = randomUUID();
  await client.query('INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ($1, $2, $3)', [
    id,
    migration.checksum,
    migration.name,
  ]);
  try {
    await client.query(migration.sql); // one simple query: all its statements are one transaction
  } catch (error) {
    await client.query('UPDATE _prisma_migrations SET logs = $2 WHERE id = $1', [id, String(error)]);
    throw error;
  }
  await client.query('UPDATE _prisma_migrations SET finished_at = now(), applied_steps_count = 1 WHERE id = $1', [id]);
}

/** Also for the tables of a migration that was applied after a newer one. */
async function grantRights(client: Client): Promise<void> {
  const { rows } = await client.query(`SELECT 1 FROM pg_proc WHERE proname = 'grant_application_rights'`);
  if (rows.length > 0) await client.query('SELECT grant_application_rights()');
}

/**
 * Applies the migrations that the database does not have yet and returns their names. Several processes may call it at
 * once. Throws MigrationError after an earlier failure or when an applied migration was edited since.
 */
export async function migrateDeploy(
  databaseUrl: string,
  directory = path.join(projectRoot(), 'prisma', 'migrations'),
): Promise<string[]> {
  return withClient(databaseUrl, async (client) => {
    const applied: string[] = [];
    await client.query('SELECT pg_advisory_lock($1)', [PRISMA_MIGRATE_LOCK]);
    await client.query(CREATE_TABLE);
    const known = await appliedChecksums(client);
    for (const migration of migrationsOnDisk(directory)) {
      const checksum = known.get(migration.name);
      if (checksum === undefined) {
        await apply(client, migration);
        applied.push(migration.name);
      } else if (checksum !== migration.checksum) {
        throw new MigrationError(`migration ${migration.name} was changed after it was applied to this database`);
      }
    }
    if (applied.length > 0) await grantRights(client);
    return applied; // the lock ends with the connection
  });
}

/**
 * Brings the database of `applicationUrl` to this version's schema as its owner, and makes the application's login where it
 * is another one than the owner's. Creates the database when it is missing. Returns the names of what was applied.
 */
export async function migrateFor(applicationUrl: string, ownerUrl: string): Promise<string[]> {
  await ensureDatabase(ownerUrl);
  const applied = await migrateDeploy(ownerUrl);
  if (userOf(applicationUrl) !== userOf(ownerUrl)) await ensureApplicationLogin(ownerUrl, applicationUrl);
  return applied;
}

/** Creates a migrated database that others are copied from: `createDatabase(adminUrl, x, { template: name })`. */
export async function createTemplateDatabase(adminUrl: string, name: string): Promise<void> {
  await createDatabase(adminUrl, name);
  await migrateDeploy(withDatabaseName(adminUrl, name));
}

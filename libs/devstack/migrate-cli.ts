import { migrateFor } from './migrate';

/**
 * `npm run migrate`: brings the database of DATABASE_URL to this version's schema; creates it when it is missing. With
 * MIGRATION_DATABASE_URL the owner migrates, and the login of DATABASE_URL gets the application's rights.
 */
async function main(): Promise<void> {
  const url = process.env['DATABASE_URL'];
  if (!url) throw new Error('DATABASE_URL is not set');
  const applied = await migrateFor(url, process.env['MIGRATION_DATABASE_URL'] ?? url);
  process.stdout.write(applied.length === 0 ? 'the database is up to date\n' : `applied ${applied.join(', ')}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

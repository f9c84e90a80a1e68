import { ensureDatabase } from './database';
import { migrateDeploy } from './migrate';

/** `npm run migrate`: brings the database of DATABASE_URL to this version's schema; creates it when it is missing. */
async function main(): Promise<void> {
  const url = process.env['DATABASE_URL'];
  if (!url) throw new Error('DATABASE_URL is not set');
  await ensureDatabase(url);
  const applied = await migrateDeploy(url);
  process.stdout.write(applied.length === 0 ? 'the database is up to date\n' : `applied ${applied.join(', ')}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

import { Client, Pool } from 'pg';
import { FoldDays } from '@tollbox/finance/application/fold-days';
import { PostgresDaySums } from '@tollbox/finance/infrastructure/postgres-day-sums';
import { FoldJournal } from '@tollbox/ledger/application/fold-journal';
import { PostgresRollups } from '@tollbox/ledger/infrastructure/postgres-rollups';
import { ACCOUNTS, CHECKS, CREDIT_ACCOUNTS, EVENTS, JOURNAL, OPERATIONS, PAYMENTS, SANDBOXES, SETTLEMENTS } from './load-sql';
import { walletsOf } from './month';

const CHUNK_PAYMENTS = 100_000;
const SPAN_SECONDS = 30 * 86_400;
const FOLD_BATCH = 50_000;
const FOLDED_TABLES = ['ledger_rollups', 'finance_days', 'finance_wallet_days'];
const BULK_TABLES = ['payments', 'payment_events', 'journal', 'settlement_transactions', 'operations', 'sandboxes'];

/** How far a load has come, kept in the database that it fills: a load that was broken off goes on from there. */
const PROGRESS = `CREATE SCHEMA IF NOT EXISTS bench;
  CREATE TABLE IF NOT EXISTS bench.load (payments bigint NOT NULL, ends_at timestamptz NOT NULL DEFAULT now(), loaded bigint NOT NULL DEFAULT 0,
    indexes jsonb NOT NULL, is_complete boolean NOT NULL DEFAULT false, load_ms float8 NOT NULL DEFAULT 0, index_ms float8 NOT NULL DEFAULT 0, check_ms float8 NOT NULL DEFAULT 0)`;

export interface Loaded {
  readonly payments: number;
  readonly entries: number;
  readonly loadMs: number;
  readonly indexMs: number;
  readonly checkMs: number;
  readonly databaseBytes: number;
}

interface Progress {
  readonly ends_at: Date;
  readonly loaded: string;
  readonly indexes: readonly string[];
  readonly is_complete: boolean;
}

/**
 * Fills an empty database with payments of the last 30 days as its owner, and verifies what it wrote. The triggers and
 * foreign keys are off in this session, because a month cannot be written as claims of this moment; what they would refuse
 * is looked for afterwards. Unique keys and checks of columns stay on.
 */
export async function loadMonth(ownerUrl: string, payments: number, say: (line: string) => void): Promise<Loaded> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query("SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET synchronous_commit = off");
    const progress = await begin(client, payments);
    if (!progress.is_complete) {
      await client.query('SET session_replication_role = replica');
      await loadChunks(client, payments, progress, say);
      await client.query('RESET session_replication_role');
      await timed(client, 'index_ms', () => buildIndexes(client, progress.indexes));
      await timed(client, 'check_ms', () => verify(client, ownerUrl));
      await client.query('UPDATE bench.load SET is_complete = true');
    }
    await foldAll(ownerUrl); // what an earlier run wrote, if this database is kept
    return await describe(client);
  } finally {
    await client.end();
  }
}

async function begin(client: Client, payments: number): Promise<Progress> {
  await client.query(PROGRESS);
  const { rows } = await client.query<Progress & { payments: string }>('SELECT * FROM bench.load');
  const known = rows[0];
  if (known !== undefined) {
    if (Number(known.payments) !== payments) throw new Error(`this database is one of ${known.payments} payments`);
    return known;
  }
  const { rows: others } = await client.query<{ found: boolean }>(
    'SELECT EXISTS (SELECT 1 FROM payments) OR EXISTS (SELECT 1 FROM journal) AS found',
  );
  if (others[0]?.found !== false) throw new Error('this database has payments that are not of this benchmark');
  await client.query('BEGIN');
  const indexes = await dropIndexes(client);
  await client.query(ACCOUNTS);
  const inserted = await client.query<Progress>('INSERT INTO bench.load (payments, indexes) VALUES ($1, $2) RETURNING *', [
    payments,
    JSON.stringify(indexes),
  ]);
  await client.query('COMMIT');
  return inserted.rows[0]!;
}

async function loadChunks(client: Client, payments: number, progress: Progress, say: (line: string) => void): Promise<void> {
  const wallets = walletsOf(payments);
  for (let first = Number(progress.loaded); first < payments; first += CHUNK_PAYMENTS) {
    const last = Math.min(first + CHUNK_PAYMENTS, payments) - 1;
    const startedAt = performance.now();
    await client.query('BEGIN');
    for (const sql of [SETTLEMENTS, PAYMENTS, EVENTS, OPERATIONS, SANDBOXES, JOURNAL])
      await client.query(sql, [first, last, payments, SPAN_SECONDS, wallets, progress.ends_at]);
    if (last === payments - 1) await client.query(CREDIT_ACCOUNTS);
    await client.query('UPDATE bench.load SET loaded = $1, load_ms = load_ms + $2', [last + 1, performance.now() - startedAt]);
    await client.query('COMMIT');
    say(`    ${last + 1} payments`);
  }
}

async function timed(client: Client, column: string, work: () => Promise<void>): Promise<void> {
  const startedAt = performance.now();
  await work();
  await client.query(`UPDATE bench.load SET ${column} = ${column} + $1`, [performance.now() - startedAt]);
}

async function buildIndexes(client: Client, indexes: readonly string[]): Promise<void> {
  for (const index of indexes) await client.query(index.replace(/^CREATE (UNIQUE )?INDEX /, 'CREATE $1INDEX IF NOT EXISTS '));
  for (const table of [...BULK_TABLES, 'credit_accounts']) await client.query(`VACUUM (ANALYZE) ${table}`);
}

async function verify(client: Client, ownerUrl: string): Promise<void> {
  for (const [what, sql] of Object.entries(CHECKS)) {
    const { rows } = await client.query<string[]>({ text: sql, rowMode: 'array' });
    if (rows[0]?.[0] !== '0') throw new Error(`the books are wrong: ${what} is ${rows[0]?.[0] ?? 'missing'}, not 0`);
  }
  await foldAll(ownerUrl);
  for (const table of FOLDED_TABLES) await client.query(`VACUUM (ANALYZE) ${table}`);
}

/** Does what the worker does behind the answers. */
async function foldAll(url: string): Promise<void> {
  const pool = new Pool({ connectionString: url });
  const { signal } = new AbortController();
  try {
    await new FoldJournal(new PostgresRollups(pool), FOLD_BATCH).run(signal);
    await new FoldDays(new PostgresDaySums(pool), FOLD_BATCH).run(signal);
  } finally {
    await pool.end();
  }
}

/** Drops the indexes that no constraint needs; the statements make them again. */
async function dropIndexes(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
     WHERE i.indrelid = ANY ($1::regclass[]) AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)`,
    [BULK_TABLES],
  );
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
  return rows.map(({ definition }) => definition);
}

async function describe(client: Client): Promise<Loaded> {
  const { rows } = await client.query<Record<'payments' | 'entries' | 'load_ms' | 'index_ms' | 'check_ms' | 'bytes', string>>(
    `SELECT payments, load_ms, index_ms, check_ms, (SELECT count(*) FROM journal) AS entries, pg_database_size(current_database()) AS bytes FROM bench.load`,
  );
  const row = rows[0]!;
  return {
    payments: Number(row.payments),
    entries: Number(row.entries),
    loadMs: Number(row.load_ms),
    indexMs: Number(row.index_ms),
    checkMs: Number(row.check_ms),
    databaseBytes: Number(row.bytes),
  };
}

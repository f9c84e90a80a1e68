import { Client, Pool } from 'pg';
import { FoldDays } from '@tollbox/finance/application/fold-days';
import { PostgresDaySums } from '@tollbox/finance/infrastructure/postgres-day-sums';
import { FoldJournal } from '@tollbox/ledger/application/fold-journal';
import { PostgresRollups } from '@tollbox/ledger/infrastructure/postgres-rollups';
import { ACCOUNTS, CHECKS, CREDIT_ACCOUNTS, EVENTS, JOURNAL, OPERATIONS, PAYMENTS, SANDBOXES, SETTLEMENTS } from './load-sql';
import { walletsOf } from './month';

const CHUNK_PAYMENTS = 100_000;
const SPAN_SECONDS = 30 * 86_400;
/** What would refuse a month that is written in one go. Everything else that the database checks stays on. */
const OFF: readonly (readonly [table: string, trigger: string])[] = [
  ['payments', 'payments_start_guard'], // a payment starts as a claim
  ['journal', 'journal_check'], // an entry is recorded now; what else it checks is checked below
  ['journal', 'journal_credits'], // one entry after another; the rows it would make are made below and checked
];
const FOLD_BATCH = 50_000;
const FOLDED_TABLES = ['ledger_rollups', 'finance_days', 'finance_wallet_days'];
const BULK_TABLES = ['payments', 'payment_events', 'journal', 'settlement_transactions', 'operations', 'sandboxes'];

export interface Loaded {
  readonly payments: number;
  readonly entries: number;
  readonly loadMs: number;
  readonly indexMs: number;
  readonly checkMs: number;
  readonly databaseBytes: number;
}

/** Fills an empty database with payments of the last 30 days as its owner, and verifies what it wrote. */
export async function loadMonth(ownerUrl: string, payments: number, say: (line: string) => void): Promise<Loaded> {
  const client = new Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    await client.query("SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'; SET synchronous_commit = off");
    const startedAt = performance.now();
    const indexes = await dropIndexes(client);
    for (const [table, trigger] of OFF) await client.query(`ALTER TABLE ${table} DISABLE TRIGGER ${trigger}`);
    await client.query(ACCOUNTS);
    const wallets = walletsOf(payments);
    for (let first = 0; first < payments; first += CHUNK_PAYMENTS) {
      const last = Math.min(first + CHUNK_PAYMENTS, payments) - 1;
      // A statement must name all its parameters, and not every statement needs all of them.
      for (const sql of [SETTLEMENTS, PAYMENTS, EVENTS, OPERATIONS, SANDBOXES, JOURNAL])
        await client.query(sql, [first, last, payments, SPAN_SECONDS, wallets]);
      say(`    ${last + 1} payments`);
    }
    await client.query(CREDIT_ACCOUNTS);
    const loadedAt = performance.now();
    for (const index of indexes) await client.query(index);
    for (const [table, trigger] of OFF) await client.query(`ALTER TABLE ${table} ENABLE TRIGGER ${trigger}`);
    for (const table of [...BULK_TABLES, 'credit_accounts']) await client.query(`VACUUM (ANALYZE) ${table}`);
    const indexedAt = performance.now();
    await check(client);
    await foldAll(ownerUrl);
    for (const table of FOLDED_TABLES) await client.query(`VACUUM (ANALYZE) ${table}`);
    const { rows } = await client.query<{ entries: string; bytes: string }>(
      'SELECT (SELECT count(*) FROM journal) AS entries, pg_database_size(current_database()) AS bytes',
    );
    return {
      payments,
      entries: Number(rows[0]!.entries),
      loadMs: loadedAt - startedAt,
      indexMs: indexedAt - loadedAt,
      checkMs: performance.now() - indexedAt,
      databaseBytes: Number(rows[0]!.bytes),
    };
  } finally {
    await client.end();
  }
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

async function check(client: Client): Promise<void> {
  for (const [what, sql] of Object.entries(CHECKS)) {
    const { rows } = await client.query<string[]>({ text: sql, rowMode: 'array' });
    if (rows[0]?.[0] !== '0') throw new Error(`the books are wrong: ${what} is ${rows[0]?.[0] ?? 'missing'}, not 0`);
  }
}

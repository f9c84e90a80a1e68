import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { stateDirectory } from '@tollbox/devstack/paths';
import { describeMachine } from '../machine';
import { measureExport, type ExportRun } from './exports';
import { loadMonth, type Loaded } from './load';
import { financeQueries, measureQueries, type QueryTime } from './queries';
import { measureReconciliation, type ReconciliationTime } from './reconciliation';
import { report } from './report';
import { openWorld } from './world';
import { measureWrites, type WriteTime } from './writes';

export interface Findings {
  readonly loaded: Loaded;
  readonly queries: readonly QueryTime[];
  readonly exports: readonly ExportRun[];
  readonly reconciliation: ReconciliationTime;
  /** With next to nothing in the tables, and with everything. */
  readonly writes: { readonly small: WriteTime; readonly large: WriteTime };
}

const USAGE = 'npm run bench -- scale [--payments 1000000] [--times 40]';
const EXPORTS = ['payments.csv', 'journal.csv', 'journal.parquet'];
const SMALL_PAYMENTS = 10_000;
const WRITE_BATCHES = 60;

const say = (line: string): void => console.log(line);

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  say(`  ${name}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  return result;
}

async function smallWrites(): Promise<WriteTime> {
  const world = await openWorld();
  try {
    await loadMonth(world.databaseUrl, SMALL_PAYMENTS, () => undefined);
    return await measureWrites(world.pool, WRITE_BATCHES);
  } finally {
    await world.close();
  }
}

async function measureAll(payments: number, times: number): Promise<Findings> {
  const small = await timed(`writes at ${SMALL_PAYMENTS} payments`, smallWrites);
  const world = await timed('boot', openWorld);
  try {
    const loaded = await timed('load and verify', () => loadMonth(world.databaseUrl, payments, say));
    const queries = await timed('finance queries', async () =>
      measureQueries(world.staff, await financeQueries(world.pool, world.staff), times),
    );
    const exports: ExportRun[] = [];
    for (const file of EXPORTS) exports.push(await timed(file, () => measureExport(world.staff, file)));
    const reconciliation = await timed('reconciliation', () => measureReconciliation(world.pool, payments));
    const large = await timed(`writes at ${payments} payments`, () => measureWrites(world.pool, WRITE_BATCHES));
    return { loaded, queries, exports, reconciliation, writes: { small, large } };
  } finally {
    await world.close();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { payments: { type: 'string' }, times: { type: 'string' } } });
  const payments = Number(values.payments ?? 1_000_000);
  const times = Number(values.times ?? 40);
  if (!Number.isInteger(payments) || payments < 2_000 || !Number.isInteger(times) || times < 1)
    throw new Error(`payments from 2000 on, times from 1 on\n${USAGE}`);
  const startedAt = new Date();
  const machine = await describeMachine();
  say(`Tollbox bench (scale, ${payments} payments)`);
  const findings = await measureAll(payments, times);
  for (const line of report(findings)) say(line);
  const directory = path.join(stateDirectory(), 'bench');
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, `scale-${payments}-${startedAt.toISOString().replaceAll(':', '-')}.json`);
  writeFileSync(file, `${JSON.stringify({ startedAt, machine, ...findings }, null, 2)}\n`);
  say(`\nwritten to ${path.relative(process.cwd(), file)}`);
}

main().catch((error: unknown) => {
  console.error(`\nThe benchmark failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});

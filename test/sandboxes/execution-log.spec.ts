import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { KeepExecutions } from '@tollbox/sandboxes/application/keep-executions';
import { EXECUTIONS, PgSandboxQueries } from '@tollbox/sandboxes/infrastructure/persistence/sandbox.queries';
import { PgExecutionLog, TRIM } from '@tollbox/sandboxes/infrastructure/persistence/execution-log';
import { Pool, types } from 'pg';
import { processOf, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, type World } from '../support/sandboxes/world';
import { testDatabase } from '../support/stack';

const MIGRATIONS = path.join(__dirname, '../../prisma/migrations');
const DAY_MS = 86_400_000;
const running = new AbortController().signal;

describe('the record of executions', () => {
  let provider: ScriptedProvider;
  let world: World;
  let sandboxId: string;
  let owner: string;
  let application: Pool;
  beforeAll(async () => {
    provider = new ScriptedProvider();
    world = await openWorld(provider);
    application = new Pool({ connectionString: world.database.applicationUrl, types });
    const created = await world.create();
    [sandboxId, owner] = [created.answer.sandbox_id, created.owner];
  });
  afterAll(async () => {
    await application.end();
    await world.close();
  });

  const exec = async (stdout: string): Promise<string> => {
    provider.command = () => processOf(stdout, 'short');
    const operationId = randomUUID();
    await world.sandboxes.exec.execute({ owner, operationId, sandboxId, argv: ['true'], timeoutMs: 5_000 });
    return operationId;
  };
  /** An operation and its execution at another time. */
  const at = async (time: string, finishedAt = time): Promise<string> => {
    const id = randomUUID();
    await world.query(`INSERT INTO operations (id, name, sandbox_id, state, at) VALUES ($1, 'sandbox.exec', $2, 'started', $3)`, [
      ...[id, sandboxId, time],
    ]);
    await world.query(
      `INSERT INTO executions (id, operation_id, sandbox_id, owner, argv, timeout_ms, state, started_at, finished_at, returncode, stdout, stderr)
       SELECT gen_random_uuid(), id, sandbox_id, $2, '[]', 1, 'finished', at, $3, 0, '', '' FROM operations WHERE id = $1`,
      [id, owner, finishedAt],
    );
    return id;
  };
  const partitionOf = async (operationId: string) =>
    (
      await world.query<{ name: string }>('SELECT tableoid::regclass::text AS name FROM executions WHERE operation_id = $1', [
        operationId,
      ])
    )[0]?.name;
  const keep = (settings = {}) =>
    new KeepExecutions(
      new PgExecutionLog(application),
      { wholeOutputMs: DAY_MS, months: 13, batch: 2, ...settings },
      () => undefined,
    );

  it('an operation never has two executions, whatever their times', async () => {
    const operationId = await exec('once');
    const copy = (startedAt: string) =>
      world.query(
        `INSERT INTO executions (id, operation_id, sandbox_id, owner, argv, timeout_ms, state, started_at)
         SELECT gen_random_uuid(), operation_id, sandbox_id, owner, argv, 1, 'started', ${startedAt} FROM executions WHERE operation_id = $1`,
        [operationId],
      );
    await expect(copy('started_at')).rejects.toThrow('executions_');
    await expect(copy(`started_at + interval '1 month'`)).rejects.toThrow('starts with its operation');
    await expect(copy(`started_at - interval '1 ms'`)).rejects.toThrow('starts with its operation');
  });

  it('keeps a long output whole for its time, then head, tail and hash; a recovery never answers with the rest', async () => {
    const [output, small] = ['head' + 'x'.repeat(5_000) + 'tail', 'y'.repeat(2_048)];
    const [long, short] = [await exec(output), await exec(small)];
    await keep().run(running);
    expect((await world.store.findExecution(long))?.result?.stdout.bytes).toHaveLength(5_008);
    await world.query(`UPDATE executions SET finished_at = now() - interval '25 h' WHERE operation_id = ANY($1)`, [
      [long, short],
    ]);
    await keep().run(running);
    const [row] = await world.query<{
      stdout: Buffer;
      stdout_tail: Buffer;
      stderr: Buffer;
      stdout_bytes: string;
      stdout_sha256: string;
    }>('SELECT * FROM executions WHERE operation_id = $1', [long]);
    expect([row!.stdout.length, row!.stdout_tail.length, row!.stderr.toString()]).toEqual([1_024, 1_024, 'short']);
    expect(row!.stdout.toString().startsWith('head') && row!.stdout_tail.toString().endsWith('tail')).toBe(true);
    expect([row!.stdout_bytes, row!.stdout_sha256]).toEqual(['5008', createHash('sha256').update(output).digest('hex')]);
    expect(await world.operation('sandbox.exec').outcomeOf(long)).toEqual({ kind: 'unknown' });
    expect(await world.operation('sandbox.exec').outcomeOf(short)).toMatchObject({
      kind: 'done',
      answer: { body: { stdout: small } },
    });
    const history = await new PgSandboxQueries(world.pool).history(sandboxId);
    const shown = history!.executions.find(({ operationId }) => operationId === long)!;
    expect([shown.stdout.head?.length, shown.stdout.tail?.toString().endsWith('tail'), shown.stdout.totalBytes]).toEqual([
      1_024,
      true,
      5_008,
    ]);
  });

  it('has a partition for each coming month, and takes over what came before its partition was there', async () => {
    const far = await at(`2031-05-31T23:59:59Z`);
    expect(await partitionOf(far)).toBe('executions_default');
    const ahead = await world.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relname ~ '^executions_y\\d+m\\d+$' ORDER BY 1`,
    );
    const month = (monthsAhead: number) => {
      const now = new Date();
      const date = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + monthsAhead, 1));
      return `executions_y${date.getUTCFullYear()}m${String(date.getUTCMonth() + 1).padStart(2, '0')}`;
    };
    expect(ahead.map(({ name }) => name)).toEqual([0, 1, 2, 3].map(month));
    const start = new Date();
    const early = await at(new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 4, 2)).toISOString());
    expect(await partitionOf(early)).toBe('executions_default');
    await application.query('SELECT executions_make_partitions(4)');
    expect(await partitionOf(early)).toBe(month(4));
    expect((await application.query('SELECT executions_make_partitions(4)')).rows).toEqual([]);
    expect((await world.store.findExecution(early))?.operationId).toBe(early);
  });

  it('drops whole months, never one that a replay may ask for, and the operation can still not run again', async () => {
    await world.query(`CREATE TABLE executions_y2024m03 (LIKE executions INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`);
    const [first] = await world.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relname ~ '^executions_y\\d+m\\d+$' AND relname > 'executions_y2025' ORDER BY 1 LIMIT 1`,
    );
    const [bound] = await world.query<{ text: string }>(
      `SELECT pg_get_expr(relpartbound, oid) AS text FROM pg_class WHERE relname = $1`,
      [first!.name],
    );
    await world.query(`ALTER TABLE executions DETACH PARTITION ${first!.name}`);
    await world.query(
      `ALTER TABLE executions ATTACH PARTITION executions_y2024m03 FOR VALUES FROM ('2024-03-01Z') TO ('2024-04-01Z')`,
    );
    await world.query(
      `ALTER TABLE executions ATTACH PARTITION ${first!.name} ${bound!.text.replace('MINVALUE', `'2024-04-01Z'`)}`,
    );
    const old = await at('2024-03-31T12:00:00Z');
    await expect(application.query('SELECT executions_drop_partitions(0)')).rejects.toThrow('at least one whole month');
    const dropped: string[] = [];
    await new KeepExecutions(
      new PgExecutionLog(application),
      { wholeOutputMs: DAY_MS, months: 13, batch: 10 },
      (text) => void dropped.push(text),
    ).run(running);
    expect(dropped).toEqual(['dropped executions_y2024m03']);
    expect(await world.store.findExecution(old)).toBeNull();
    expect(await world.operation('sandbox.exec').outcomeOf(old)).toEqual({ kind: 'unknown' });
    expect(await world.query('SELECT 1 FROM executions WHERE state = $1', ['finished'])).not.toEqual([]);
  });

  it('reads a history and finds what to trim by index, in the partitions of its time only', async () => {
    const client = await world.pool.connect();
    await client.query('SET enable_seqscan = off'); // the tables of a test are too small for an index to be worth it
    const plan = async (sql: string, values: unknown[]): Promise<string> =>
      JSON.stringify((await client.query(`EXPLAIN (FORMAT JSON) ${sql}`, values)).rows);
    const history = await plan(EXECUTIONS, [sandboxId, new Date(Date.now() - DAY_MS), new Date()]);
    expect(history).toContain('sandbox_id_started_at_idx');
    expect(history).not.toContain('executions_default');
    expect(history).not.toContain('Seq Scan');
    expect(await plan(TRIM, [DAY_MS, 10])).toContain('finished_at_idx');
    client.release(true);
  });
});

it('executions that were there are kept where they are, and found as before', async () => {
  const database = await testDatabase({ migrated: false });
  const pool = new Pool({ connectionString: database.url, types });
  const apply = async (wanted: (name: string) => boolean) => {
    for (const name of readdirSync(MIGRATIONS)
      .sort()
      .filter((entry) => /^\d/.test(entry) && wanted(entry)))
      await pool.query(readFileSync(path.join(MIGRATIONS, name, 'migration.sql'), 'utf8'));
  };
  const OWN = '20261121001051_execution_log';
  await apply((name) => name < OWN);
  await pool.query(`INSERT INTO sandboxes (id, owner, state, operation_id, provider, isolation, network_policy, image, cpu_millis, memory_mib,
      lifetime_ms, deadline_at) VALUES ('sb-1', '0x1', 'running', gen_random_uuid(), 'container', 'gvisor', 'none', 'i', 1, 1, 1, now())`);
  await pool.query(`INSERT INTO operations (id, name, sandbox_id, state, at)
    SELECT gen_random_uuid(), 'sandbox.exec', 'sb-1', 'started', now() - n * interval '20 days' FROM generate_series(0, 9) n`);
  await pool.query(`INSERT INTO executions (id, operation_id, sandbox_id, owner, argv, timeout_ms, state, started_at)
    SELECT gen_random_uuid(), id, 'sb-1', '0x1', '[]', 1, 'started', at FROM operations`);
  await apply((name) => name >= OWN);
  const { rows } = await pool.query<{ name: string }>('SELECT DISTINCT tableoid::regclass::text AS name FROM executions');
  expect(rows.map(({ name }) => name)).toEqual([expect.stringMatching(/^executions_y\d{4}m\d{2}$/)]);
  expect((await pool.query('SELECT 1 FROM executions')).rowCount).toBe(10);
  await expect(pool.query(`INSERT INTO executions SELECT * FROM executions LIMIT 1`)).rejects.toThrow('unique');
  await pool.end();
  await database.drop();
});

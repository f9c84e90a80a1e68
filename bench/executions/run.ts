import { Pool, types } from 'pg';
import { EXECUTIONS, PgSandboxQueries } from '@tollbox/sandboxes/infrastructure/persistence/sandbox.queries';
import { openServer } from '../scale/world';
import { summarize, type LatencySummary } from '../stats';

export interface Plan {
  readonly rows: number;
  /** Histories that are read. */
  readonly times: number;
}

export interface Findings {
  readonly rows: number;
  readonly months: number;
  readonly loadMs: number;
  readonly databaseBytes: number;
  readonly history: LatencySummary;
  readonly partitionsRead: number;
  readonly scans: number;
}

const PER_SANDBOX = 100;
const MONTHS = 12;

/** Sandboxes of an hour each, their commands spread over it; one statement for each table, its triggers left out. */
const FILL = [
  `INSERT INTO sandboxes (id, owner, state, desired_state, operation_id, provider, isolation, network_policy, image, cpu_millis,
      memory_mib, lifetime_ms, deadline_at, created_at, started_at, ended_at)
    SELECT 'sb-' || n, '0x' || n % 1000, 'terminated', 'terminated', gen_random_uuid(), 'container', 'gvisor', 'none', 'python:3.11', 1000,
      256, 3600000, at + interval '1 h', at, at, at + interval '1 h'
    FROM generate_series(1, $1::int / ${PER_SANDBOX}) n,
      LATERAL (SELECT now() + n * (interval '${MONTHS} months' / ($1::int / ${PER_SANDBOX})) AS at) moment`,
  `INSERT INTO operations (id, name, sandbox_id, state, at)
    SELECT gen_random_uuid(), 'sandbox.exec', s.id, 'started', s.created_at + n * interval '30 s'
    FROM sandboxes s, generate_series(1, ${PER_SANDBOX}) n`,
  `INSERT INTO executions (id, operation_id, sandbox_id, owner, argv, timeout_ms, state, started_at, finished_at, returncode, duration_ms,
      stdout, stdout_bytes, stdout_sha256, stderr, stderr_bytes, stderr_sha256)
    SELECT gen_random_uuid(), id, sandbox_id, '0x1', '["python","-c","print(1)"]', 60000, 'finished', at, at + interval '30 ms', 0, 30,
      convert_to(repeat('output ', 20), 'UTF8'), 140, repeat('a', 64), '', 0, repeat('b', 64)
    FROM operations`,
];

export async function measureExecutions(plan: Plan, say: (line: string) => void): Promise<Findings> {
  const server = await openServer();
  const pool = new Pool({ connectionString: await server.database(), max: 4, types });
  try {
    const startedAt = performance.now();
    const client = await pool.connect();
    await client.query('SELECT executions_make_partitions($1)', [MONTHS + 1]);
    await client.query('SET session_replication_role = replica');
    for (const statement of FILL) await client.query(statement, statement.includes('$1') ? [plan.rows] : []);
    client.release(true);
    await pool.query('VACUUM ANALYZE');
    const loadMs = performance.now() - startedAt;
    const facts = await pool.query<{ rows: number; months: number; bytes: string }>(
      `SELECT count(*)::int AS rows, count(DISTINCT tableoid)::int AS months, pg_database_size(current_database()) AS bytes FROM executions`,
    );
    const { rows, months, bytes } = facts.rows[0]!;
    say(
      `  ${rows} executions of ${rows / PER_SANDBOX} sandboxes in ${months} months, loaded in ${(loadMs / 1_000).toFixed(0)} s`,
    );
    const history = await readHistories(pool, plan);
    return { rows, months, loadMs, databaseBytes: Number(bytes), history, ...(await planOfHistory(pool)) };
  } finally {
    pool.on('error', () => undefined); // ending does not wait for the connections; stopping the server cuts them
    await pool.end();
    await server.close();
  }
}

async function readHistories(pool: Pool, { rows, times }: Plan): Promise<LatencySummary> {
  const queries = new PgSandboxQueries(pool);
  const sandboxes = rows / PER_SANDBOX;
  const latenciesMs: number[] = [];
  for (let time = 0; time < times; time++) {
    const id = `sb-${1 + ((time * 7_919) % sandboxes)}`;
    const startedAt = performance.now();
    const history = await queries.history(id);
    latenciesMs.push(performance.now() - startedAt);
    if (history?.executions.length !== PER_SANDBOX) throw new Error(`the history of ${id} is not whole`);
  }
  return summarize(latenciesMs);
}

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

async function planOfHistory(pool: Pool): Promise<{ partitionsRead: number; scans: number }> {
  const { rows: sandboxes } = await pool.query<{ id: string; created_at: Date; ended_at: Date }>(
    `SELECT id, created_at, ended_at FROM sandboxes ORDER BY created_at OFFSET 50 LIMIT 1`,
  );
  const { id, created_at: createdAt, ended_at: endedAt } = sandboxes[0]!;
  const { rows } = await pool.query<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(`EXPLAIN (FORMAT JSON) ${EXECUTIONS}`, [
    ...[id, createdAt, endedAt],
  ]);
  const read = nodesOf(rows[0]!['QUERY PLAN'][0]!.Plan).filter(
    (node) => node['Relation Name']?.startsWith('executions') === true,
  );
  return {
    partitionsRead: new Set(read.map((node) => node['Relation Name'])).size,
    scans: read.filter((node) => node['Node Type'] === 'Seq Scan').length,
  };
}

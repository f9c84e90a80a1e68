import { Inject, Injectable } from '@nestjs/common';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { atOneMoment } from '@tollbox/platform/database/transaction';
import type { Pool, PoolClient } from 'pg';
import type {
  ExecutionRecord,
  OperationEntry,
  SandboxCursor,
  SandboxEventRecord,
  SandboxFilter,
  SandboxHistory,
  SandboxPage,
  SandboxQueries,
} from '../../application/ports/sandbox-queries';
import { isSandboxId } from '../../domain/sandbox-id';
import { EXCERPT_BYTES } from './execution-log';
import { toSandbox, type SandboxRow } from './rows';

const MAX_ROWS = 500;

const EVENTS = `SELECT * FROM (
    SELECT id::text, kind, from_state AS "fromState", to_state AS "toState", reason, operation_id AS "operationId", actor, detail, at
    FROM sandbox_events WHERE sandbox_id = $1 ORDER BY sandbox_events.id DESC LIMIT ${MAX_ROWS}) newest ORDER BY newest.id::bigint`;

const OPERATIONS = `SELECT * FROM (
    SELECT id AS "operationId", name, at FROM operations WHERE sandbox_id = $1 ORDER BY at DESC, id DESC LIMIT ${MAX_ROWS}) newest
  ORDER BY at, "operationId"`;

/** A sandbox runs commands while it lives: only the partitions of that time are read. */
const IN_ITS_LIFE = `sandbox_id = $1 AND started_at >= $2::timestamptz AND started_at <= COALESCE($3::timestamptz, 'infinity')`;

/** Only the ends leave the database: a page of full outputs would be hundreds of megabytes. */
const excerpt = (stream: 'stdout' | 'stderr'): string => `
  substring(${stream} FROM 1 FOR ${EXCERPT_BYTES}) AS ${stream}_head,
  COALESCE(${stream}_tail, CASE WHEN octet_length(${stream}) > ${EXCERPT_BYTES}
    THEN substring(${stream} FROM greatest(${EXCERPT_BYTES}, octet_length(${stream}) - ${EXCERPT_BYTES}) + 1) END) AS ${stream}_tail,
  ${stream}_bytes::float8 AS ${stream}_bytes, ${stream}_truncated, ${stream}_sha256`;

export const EXECUTIONS = `SELECT * FROM (
    SELECT id, operation_id, argv, state, returncode, timed_out, timeout_ms, duration_ms, error, started_at, finished_at,
      ${excerpt('stdout')}, ${excerpt('stderr')}
    FROM executions WHERE ${IN_ITS_LIFE} ORDER BY started_at DESC, id DESC LIMIT ${MAX_ROWS}) newest ORDER BY started_at, id`;

const TOTALS = `SELECT
  (SELECT count(*)::int FROM sandbox_events WHERE sandbox_id = $1) AS events,
  (SELECT count(*)::int FROM executions WHERE ${IN_ITS_LIFE}) AS executions,
  (SELECT count(*)::int FROM operations WHERE sandbox_id = $1) AS operations`;

interface ExecutionExcerptRow {
  id: string;
  operation_id: string;
  argv: unknown;
  state: string;
  returncode: number | null;
  timed_out: boolean;
  timeout_ms: number;
  duration_ms: number | null;
  error: string | null;
  started_at: Date;
  finished_at: Date | null;
  stdout_head: Buffer | null;
  stdout_tail: Buffer | null;
  stdout_bytes: number | null;
  stdout_truncated: boolean;
  stdout_sha256: string | null;
  stderr_head: Buffer | null;
  stderr_tail: Buffer | null;
  stderr_bytes: number | null;
  stderr_truncated: boolean;
  stderr_sha256: string | null;
}

/** The admin view of the sandboxes' rows. */
@Injectable()
export class PgSandboxQueries implements SandboxQueries {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async page(filter: SandboxFilter, after: SandboxCursor | undefined, limit: number): Promise<SandboxPage> {
    const { texts, values } = conditions(filter, after);
    values.push(limit + 1);
    const where = texts.length === 0 ? '' : `WHERE ${texts.join(' AND ')}`;
    const { rows } = await this.pool.query<SandboxRow>(
      `SELECT * FROM sandboxes ${where} ORDER BY created_at DESC, id DESC LIMIT $${values.length}`,
      values,
    );
    return { sandboxes: rows.slice(0, limit).map(toSandbox), hasMore: rows.length > limit };
  }

  async history(id: string): Promise<SandboxHistory | null> {
    if (!isSandboxId(id)) return null;
    return atOneMoment(this.pool, (client) => readHistory(client, id));
  }
}

async function readHistory(client: PoolClient, id: string): Promise<SandboxHistory | null> {
  const [row] = (await client.query<SandboxRow>('SELECT * FROM sandboxes WHERE id = $1', [id])).rows;
  if (row === undefined) return null;
  const life = [id, row.created_at, row.ended_at];
  const events = await client.query<SandboxEventRecord>(EVENTS, [id]);
  const executions = await client.query<ExecutionExcerptRow>(EXECUTIONS, life);
  const operations = await client.query<OperationEntry>(OPERATIONS, [id]);
  const totals = await client.query<SandboxHistory['totals']>(TOTALS, life);
  return {
    sandbox: toSandbox(row),
    events: events.rows,
    executions: executions.rows.map(toExecutionRecord),
    operations: operations.rows,
    totals: totals.rows[0] ?? { events: 0, executions: 0, operations: 0 },
  };
}

function conditions(filter: SandboxFilter, after: SandboxCursor | undefined): { texts: string[]; values: unknown[] } {
  const given = (
    [
      ['owner =', filter.owner],
      ['state =', filter.state],
      ['provider =', filter.provider],
      ['reason =', filter.reason],
      ['created_at >=', filter.createdFrom],
      ['created_at <', filter.createdTo],
    ] as const
  ).filter(([, value]) => value !== undefined);
  const texts = given.map(([text], index) => `${text} $${index + 1}`);
  const values: unknown[] = given.map(([, value]) => value);
  if (after !== undefined) {
    texts.push(`(created_at, id) < ($${values.length + 1}::timestamptz, $${values.length + 2}::text)`);
    values.push(after.createdAt, after.id);
  }
  return { texts, values };
}

function toExecutionRecord(row: ExecutionExcerptRow): ExecutionRecord {
  return {
    id: row.id,
    operationId: row.operation_id,
    argv: row.argv,
    state: row.state,
    returncode: row.returncode,
    timedOut: row.timed_out,
    timeoutMs: row.timeout_ms,
    durationMs: row.duration_ms,
    error: row.error,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    stdout: {
      head: row.stdout_head,
      tail: row.stdout_tail,
      totalBytes: row.stdout_bytes,
      truncated: row.stdout_truncated,
      sha256: row.stdout_sha256,
    },
    stderr: {
      head: row.stderr_head,
      tail: row.stderr_tail,
      totalBytes: row.stderr_bytes,
      truncated: row.stderr_truncated,
      sha256: row.stderr_sha256,
    },
  };
}

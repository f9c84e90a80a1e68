import { Inject, Injectable } from '@nestjs/common';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import type { Pool } from 'pg';
import type { ExecutionLog } from '../../application/ports/execution-log';

/** Bytes at each end of an output that are kept for good; twice as much is in the condition of executions_to_trim. */
export const EXCERPT_BYTES = 1_024;

const ends = (stream: 'stdout' | 'stderr'): string => `
  ${stream} = CASE WHEN octet_length(${stream}) > ${2 * EXCERPT_BYTES} THEN substring(${stream} FROM 1 FOR ${EXCERPT_BYTES}) ELSE ${stream} END,
  ${stream}_tail = CASE WHEN octet_length(${stream}) > ${2 * EXCERPT_BYTES}
    THEN substring(${stream} FROM octet_length(${stream}) - ${EXCERPT_BYTES} + 1) END`;

export const TRIM = `WITH batch AS MATERIALIZED (
    SELECT id, started_at FROM executions
    WHERE state = 'finished' AND trimmed_at IS NULL AND (stdout_bytes > 2048 OR stderr_bytes > 2048)
      AND finished_at <= now() - $1 * interval '1 ms'
    ORDER BY finished_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
  UPDATE executions e SET trimmed_at = now(), ${ends('stdout')}, ${ends('stderr')}
  FROM batch WHERE e.id = batch.id AND e.started_at = batch.started_at`;

/** Partitions are made and dropped by functions of the tables' owner (prisma/migrations, execution_log). */
@Injectable()
export class PgExecutionLog implements ExecutionLog {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async makePartitions(monthsAhead: number): Promise<readonly string[]> {
    return this.names('SELECT * FROM executions_make_partitions($1) AS name', monthsAhead);
  }

  async dropPartitions(monthsKept: number): Promise<readonly string[]> {
    return this.names('SELECT * FROM executions_drop_partitions($1) AS name', monthsKept);
  }

  async trim(olderThanMs: number, limit: number): Promise<number> {
    return (await this.pool.query(TRIM, [olderThanMs, limit])).rowCount ?? 0;
  }

  private async names(sql: string, months: number): Promise<readonly string[]> {
    return (await this.pool.query<{ name: string }>(sql, [months])).rows.map(({ name }) => name);
  }
}

import { inTransaction } from '@tollbox/platform/database/transaction';
import type { Pool, PoolClient } from 'pg';
import type { NewExecution, StartResult } from '../../application/ports/sandbox-store';
import type { Execution, ExecutionResult } from '../../domain/sandbox';
import * as operations from './operation-rows';
import { toExecution, type ExecutionRow } from './rows';

/** The longest timeout and overhead together are shorter than a day and an hour: older partitions are left out. */
const COUNT_RUNNING = `SELECT count(*)::int AS running FROM executions
  WHERE sandbox_id = $1 AND state = 'started' AND started_at > now() - interval '25 h'
    AND started_at + (timeout_ms + $2::int) * interval '1 ms' > now()`;

const COUNT_RUNNING_OF = `SELECT count(*)::int AS "ofInstallation", (count(*) FILTER (WHERE owner = $1))::int AS "ofOwner" FROM executions
  WHERE state = 'started' AND started_at > now() - interval '25 h'
    AND started_at + (timeout_ms + $2::int) * interval '1 ms' > now()`;

const LOCK_USABLE = `SELECT idle_timeout_ms FROM sandboxes
  WHERE id = $1 AND state = 'running' AND desired_state = 'running' AND deadline_at > now() FOR NO KEY UPDATE`;

/** An execution has the time of its operation: whoever knows the operation finds the partition. */
const STARTED_AT = '(SELECT at FROM operations WHERE id = $1)';

const INSERT = `INSERT INTO executions (operation_id, id, sandbox_id, owner, argv, timeout_ms, state, started_at)
  VALUES ($1, $2, $3, $4, $5::jsonb, $6, 'started', ${STARTED_AT})`;

/** A sandbox is not idle while a command may run. */
const ACTIVE = `UPDATE sandboxes SET last_active_at = now(),
    idle_at = greatest(idle_at, now() + (idle_timeout_ms + $2::int) * interval '1 ms')
  WHERE id = $1`;

/** The last command that ends starts the time without one. */
const FINISH = `WITH finished AS (
    UPDATE executions SET state = 'finished', finished_at = now(), returncode = $2, timed_out = $3, duration_ms = $4,
      stdout = $5, stdout_bytes = $6, stdout_truncated = $7, stdout_sha256 = $8,
      stderr = $9, stderr_bytes = $10, stderr_truncated = $11, stderr_sha256 = $12
    WHERE operation_id = $1 AND started_at = ${STARTED_AT} AND state = 'started' RETURNING sandbox_id),
  idle AS (
    UPDATE sandboxes s SET last_active_at = now(), idle_at = now() + s.idle_timeout_ms * interval '1 ms'
    FROM finished WHERE s.id = finished.sandbox_id AND s.idle_timeout_ms IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.sandbox_id = s.id AND e.state = 'started'
        AND e.started_at > now() - interval '25 h' AND e.operation_id <> $1))
  SELECT FROM finished`;

const FAIL = `UPDATE executions SET state = 'failed', finished_at = now(), error = $2
  WHERE operation_id = $1 AND started_at = ${STARTED_AT} AND state = 'started'`;

/** The part of the SandboxStore that keeps executions. */
export class ExecutionRows {
  constructor(protected readonly pool: Pool) {}

  async countRunning(sandboxId: string, overheadMs: number): Promise<number> {
    return countRunning(this.pool, sandboxId, overheadMs);
  }

  async countRunningOf(owner: string, overheadMs: number): Promise<{ ofOwner: number; ofInstallation: number }> {
    const { rows } = await this.pool.query<{ ofOwner: number; ofInstallation: number }>(COUNT_RUNNING_OF, [owner, overheadMs]);
    return rows[0] ?? { ofOwner: 0, ofInstallation: 0 };
  }

  /** The sandbox's row is locked while the commands are counted, so that the limit holds exactly. */
  async startExecution(execution: NewExecution): Promise<StartResult> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ idle_timeout_ms: number | null }>(LOCK_USABLE, [execution.sandboxId]);
      const [usable] = rows;
      if (usable === undefined) return 'not_running';
      if ((await countRunning(client, execution.sandboxId, execution.overheadMs)) >= execution.maxRunning) return 'busy';
      if (!(await operations.start(client, execution.operationId, execution.operation, execution.sandboxId))) return 'abandoned';
      await client.query(INSERT, [
        execution.operationId,
        execution.id,
        execution.sandboxId,
        execution.owner,
        JSON.stringify(execution.argv),
        execution.timeoutMs,
      ]);
      if (usable.idle_timeout_ms !== null) await client.query(ACTIVE, [execution.sandboxId, execution.timeoutMs]);
      return 'started';
    });
  }

  async finishExecution(operationId: string, result: ExecutionResult): Promise<boolean> {
    const { stdout, stderr } = result;
    const { rowCount } = await this.pool.query(FINISH, [
      operationId,
      result.returncode,
      result.timedOut,
      result.durationMs,
      stdout.bytes,
      stdout.totalBytes,
      stdout.truncated,
      stdout.sha256,
      stderr.bytes,
      stderr.totalBytes,
      stderr.truncated,
      stderr.sha256,
    ]);
    return rowCount === 1;
  }

  async failExecution(operationId: string, error: string): Promise<boolean> {
    const { rowCount } = await this.pool.query(FAIL, [operationId, error]);
    return rowCount === 1;
  }

  async findExecution(operationId: string): Promise<Execution | null> {
    const { rows } = await this.pool.query<ExecutionRow>(
      `SELECT * FROM executions WHERE operation_id = $1 AND started_at = ${STARTED_AT}`,
      [operationId],
    );
    const [row] = rows;
    return row === undefined ? null : toExecution(row);
  }
}

async function countRunning(client: Pool | PoolClient, sandboxId: string, overheadMs: number): Promise<number> {
  const { rows } = await client.query<{ running: number }>(COUNT_RUNNING, [sandboxId, overheadMs]);
  return rows[0]?.running ?? 0;
}

import type { Pool } from 'pg';
import { acquireLease, releaseLease, type HeldLease } from '@tollbox/platform/database/leases';
import type { RunResult, RunStore, StartedRun } from '../application/ports/reconciliation-store';
import { underLease } from './run-transaction';

const LEASE = 'reconciliation';

/** Runs and their lease in PostgreSQL. */
export class RunsRepository implements RunStore {
  constructor(private readonly pool: Pool) {}

  hold(holder: string, ttlMs: number): Promise<HeldLease | null> {
    return acquireLease(this.pool, LEASE, holder, ttlMs);
  }

  release(lease: HeldLease): Promise<void> {
    return releaseLease(this.pool, lease);
  }

  begin(lease: HeldLease, requestedBy: string): Promise<StartedRun> {
    return underLease(this.pool, lease, async (client) => {
      await client.query(
        `UPDATE reconciliation_runs SET state = 'abandoned', finished_at = now(), error = 'its process ended' WHERE state = 'running'`,
      );
      const fence = lease.fence.toString();
      const { rows: requested } = await client.query<{ id: string }>(
        `UPDATE reconciliation_runs SET state = 'running', fence = $1, started_at = now() WHERE state = 'requested' RETURNING id`,
        [fence],
      );
      const { rows } =
        requested.length > 0
          ? { rows: requested }
          : await client.query<{ id: string }>(
              `INSERT INTO reconciliation_runs (origin, requested_by, state, fence, started_at)
               VALUES ('schedule', $2, 'running', $1, now()) RETURNING id`,
              [fence, requestedBy],
            );
      if (rows[0] === undefined) throw new Error('a run that was opened returned no row');
      return { id: BigInt(rows[0].id), lease };
    });
  }

  async finish(run: StartedRun, result: RunResult): Promise<void> {
    const totals = Object.fromEntries(Object.entries(result.totals).map(([name, amount]) => [name, amount.toString()]));
    await underLease(this.pool, run.lease, (client) =>
      client.query(
        `UPDATE reconciliation_runs SET state = 'done', finished_at = now(), from_block = $2, to_block = $3, to_block_hash = $4,
           counts = $5, totals = $6 WHERE id = $1 AND state = 'running'`,
        [
          run.id.toString(),
          result.fromBlock?.toString() ?? null,
          result.to?.number.toString() ?? null,
          result.to?.hash ?? null,
          JSON.stringify(result.counts),
          JSON.stringify(totals),
        ],
      ),
    );
  }

  async fail(run: StartedRun, reason: string): Promise<void> {
    await this.pool.query(
      `UPDATE reconciliation_runs SET state = 'failed', finished_at = now(), error = $2 WHERE id = $1 AND state = 'running'`,
      [run.id.toString(), reason.slice(0, 1_000)],
    );
  }

  async isDue(intervalMs: number): Promise<boolean> {
    const { rows } = await this.pool.query<{ due: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM reconciliation_runs WHERE state = 'requested')
         OR NOT EXISTS (SELECT 1 FROM (SELECT started_at FROM reconciliation_runs ORDER BY id DESC LIMIT 5) last
           WHERE started_at > now() - $1 * interval '1 ms') AS due`,
      [intervalMs],
    );
    return rows[0]?.due ?? false;
  }
}

import type { Pool } from 'pg';
import { acquireLease, releaseLease } from '@tollbox/platform/database/leases';
import type { Sandbox } from '@tollbox/sandboxes/domain/sandbox';
import { FINAL_STATES, toSandbox, type SandboxRow } from '@tollbox/sandboxes/infrastructure/persistence/rows';
import type { DueReason, ReaperStore, RowOfObject } from '../application/ports/reaper-store';

/** Records the end of the rows that `due` selects; `$2` is the reason. */
const requestEnd = (due: string): string => `WITH due AS (${due} FOR NO KEY UPDATE SKIP LOCKED),
  changed AS (
    UPDATE sandboxes s SET desired_state = 'terminated', reason = COALESCE(s.reason, $2) FROM due WHERE s.id = due.id
    RETURNING s.id, s.state, s.deadline_at),
  event AS (
    INSERT INTO sandbox_events (sandbox_id, kind, from_state, to_state, reason, actor)
    SELECT id, 'end_requested', state, state, $2, 'reaper' FROM changed)
  SELECT id FROM changed ORDER BY deadline_at, id`;

const EXPIRED = requestEnd(`SELECT id FROM sandboxes
  WHERE provider = $1 AND desired_state = 'running' AND state NOT IN ${FINAL_STATES} AND deadline_at <= now()
  ORDER BY deadline_at, id LIMIT $3`);

const STUCK = requestEnd(`SELECT id FROM sandboxes
  WHERE provider = $1 AND desired_state = 'running' AND state IN ('requested', 'provisioning', 'unknown')
    AND created_at <= now() - $4 * interval '1 ms'
  ORDER BY created_at, id LIMIT $3`);

/** The trigger of the table sets updated_at: the row is touched. */
const TAKE_ENDS = `UPDATE sandboxes SET desired_state = 'terminated' WHERE id IN (
    SELECT id FROM sandboxes
    WHERE provider = $1 AND desired_state = 'terminated' AND state NOT IN ${FINAL_STATES}
      AND updated_at <= now() - $2 * interval '1 ms'
    ORDER BY updated_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED)
  RETURNING id`;

const REMEMBER = `INSERT INTO orphan_sightings (provider, provider_ref) SELECT $1, ref FROM unnest($2::text[]) ref
  ON CONFLICT (provider, provider_ref) DO UPDATE SET last_seen_at = now()
  RETURNING provider_ref, (extract(epoch FROM now() - first_seen_at) * 1000)::float8 AS seen_for_ms`;

export class PgReaperStore implements ReaperStore {
  constructor(private readonly pool: Pool) {}

  async requestEndOfExpired(provider: string, limit: number): Promise<readonly string[]> {
    return this.ids(EXPIRED, [provider, 'deadline' satisfies DueReason, limit]);
  }

  async requestEndOfStuck(provider: string, olderThanMs: number, limit: number): Promise<readonly string[]> {
    return this.ids(STUCK, [provider, 'create_interrupted' satisfies DueReason, limit, olderThanMs]);
  }

  async takeUnfinishedEnds(provider: string, untouchedForMs: number, limit: number): Promise<readonly string[]> {
    return this.ids(TAKE_ENDS, [provider, untouchedForMs, limit]);
  }

  async runningWithoutObject(provider: string, providerRefs: readonly string[], limit: number): Promise<readonly Sandbox[]> {
    return this.sandboxes(
      `SELECT * FROM sandboxes WHERE provider = $1 AND state = 'running' AND NOT (provider_ref = ANY($2::text[]))
       ORDER BY ghost_sightings DESC, id LIMIT $3`,
      [provider, providerRefs, limit],
    );
  }

  async runningAfter(provider: string, id: string, limit: number): Promise<readonly Sandbox[]> {
    return this.sandboxes(`SELECT * FROM sandboxes WHERE provider = $1 AND state = 'running' AND id > $2 ORDER BY id LIMIT $3`, [
      provider,
      id,
      limit,
    ]);
  }

  async rowsOf(sandboxIds: readonly string[]): Promise<ReadonlyMap<string, RowOfObject>> {
    const { rows } = await this.pool.query<RowOfObject>(
      `SELECT id, state, provider, provider_ref AS "providerRef" FROM sandboxes WHERE id = ANY($1::text[])`,
      [sandboxIds],
    );
    return new Map(rows.map((row) => [row.id, row]));
  }

  async rememberUnexplained(provider: string, providerRefs: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.pool.query<{ provider_ref: string; seen_for_ms: number }>(REMEMBER, [provider, providerRefs]);
    await this.pool.query('DELETE FROM orphan_sightings WHERE provider = $1 AND NOT (provider_ref = ANY($2::text[]))', [
      provider,
      providerRefs,
    ]);
    return new Map(rows.map((row) => [row.provider_ref, row.seen_for_ms]));
  }

  async holdLease(name: string, holder: string, ttlMs: number): Promise<boolean> {
    return (await acquireLease(this.pool, name, holder, ttlMs)) !== null;
  }

  async releaseLease(name: string, holder: string): Promise<void> {
    // The column keeps whole milliseconds, rounded: just `now()` may lie ahead.
    await releaseLease(this.pool, { name, holder });
  }

  private async ids(sql: string, parameters: unknown[]): Promise<readonly string[]> {
    const { rows } = await this.pool.query<{ id: string }>(sql, parameters);
    return rows.map(({ id }) => id);
  }

  private async sandboxes(sql: string, parameters: unknown[]): Promise<readonly Sandbox[]> {
    const { rows } = await this.pool.query<SandboxRow>(sql, parameters);
    return rows.map(toSandbox);
  }
}

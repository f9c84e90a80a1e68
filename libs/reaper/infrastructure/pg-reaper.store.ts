import type { Pool } from 'pg';
import { acquireLease, releaseLease } from '@tollbox/platform/database/leases';
import type { Sandbox } from '@tollbox/sandboxes/domain/sandbox';
import { toSandbox, type SandboxRow } from '@tollbox/sandboxes/infrastructure/persistence/rows';
import type { DueReason, EndingSandbox, ReaperStore, RowOfObject } from '../application/ports/reaper-store';
import { TAKE_ENDS, TAKE_EXPIRED, TAKE_IDLE, TAKE_STUCK } from './take-statements';

const REMEMBER = `INSERT INTO orphan_sightings (provider, provider_ref) SELECT $1, ref FROM unnest($2::text[]) ref
  ON CONFLICT (provider, provider_ref) DO UPDATE SET last_seen_at = now()
  RETURNING provider_ref, (extract(epoch FROM now() - first_seen_at) * 1000)::float8 AS seen_for_ms`;

export class PgReaperStore implements ReaperStore {
  constructor(private readonly pool: Pool) {}

  async takeExpired(provider: string, leaseMs: number, limit: number): Promise<readonly EndingSandbox[]> {
    return this.ending(TAKE_EXPIRED, [provider, limit, leaseMs, 'deadline' satisfies DueReason]);
  }

  async takeIdle(provider: string, leaseMs: number, limit: number): Promise<readonly EndingSandbox[]> {
    return this.ending(TAKE_IDLE, [provider, limit, leaseMs, 'idle' satisfies DueReason]);
  }

  async takeStuck(provider: string, olderThanMs: number, leaseMs: number, limit: number): Promise<readonly EndingSandbox[]> {
    return this.ending(TAKE_STUCK, [provider, limit, leaseMs, 'create_interrupted' satisfies DueReason, olderThanMs]);
  }

  async takeUnfinishedEnds(provider: string, leaseMs: number, limit: number): Promise<readonly EndingSandbox[]> {
    return this.ending(TAKE_ENDS, [provider, limit, leaseMs]);
  }

  async postponeEnd(id: string, delayMs: number): Promise<void> {
    await this.pool.query(`UPDATE sandboxes SET end_attempt_at = now() + $2 * interval '1 ms' WHERE id = $1`, [id, delayMs]);
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

  private async ending(sql: string, parameters: unknown[]): Promise<readonly EndingSandbox[]> {
    const { rows } = await this.pool.query<SandboxRow & { end_attempts: number }>(sql, parameters);
    return rows.map((row) => ({ ...toSandbox(row), endAttempts: row.end_attempts }));
  }

  private async sandboxes(sql: string, parameters: unknown[]): Promise<readonly Sandbox[]> {
    const { rows } = await this.pool.query<SandboxRow>(sql, parameters);
    return rows.map(toSandbox);
  }
}

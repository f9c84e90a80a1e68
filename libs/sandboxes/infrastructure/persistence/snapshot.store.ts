import { Inject, Injectable } from '@nestjs/common';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { Pool } from 'pg';
import type {
  NewSnapshot,
  RequestSnapshotResult,
  SnapshotChange,
  SnapshotCursor,
  SnapshotStore,
} from '../../application/ports/snapshot-store';
import { isSnapshotId, type Snapshot, type SnapshotState } from '../../domain/snapshot';
import * as operations from './operation-rows';

/** Snapshots of all wallets are admitted one after another, for the time of three short statements. */
const ADMISSION_LOCK = 7_261_102;

const LOCK_USABLE = `SELECT id FROM sandboxes
  WHERE id = $1 AND state = 'running' AND desired_state = 'running' AND deadline_at > now() FOR KEY SHARE`;

const COUNT_KEPT = `SELECT count(*)::int AS kept FROM snapshots WHERE owner = $1 AND state IN ('requested', 'taking', 'ready')`;

const INSERT = `WITH inserted AS (
    INSERT INTO snapshots (id, owner, sandbox_id, operation_id, provider, state, expires_at)
    VALUES ($1, $2, $3, $4, $5, 'requested', now() + $6::bigint * interval '1 ms') RETURNING *),
  event AS (
    INSERT INTO snapshot_events (snapshot_id, kind, to_state, operation_id, actor)
    SELECT id, 'requested', state, operation_id, owner FROM inserted)
  SELECT * FROM inserted`;

const CHANGE = `WITH old AS (
    SELECT id, state FROM snapshots WHERE id = $1 AND state = ANY($2::text[]) FOR NO KEY UPDATE),
  changed AS (
    UPDATE snapshots s SET state = $3::text, provider_ref = COALESCE($4, s.provider_ref), size_bytes = COALESCE($5::bigint, s.size_bytes)
    FROM old WHERE s.id = old.id RETURNING s.*, old.state AS from_state),
  event AS (
    INSERT INTO snapshot_events (snapshot_id, kind, from_state, to_state, operation_id, actor, detail)
    SELECT id, $6, from_state, state, $7::uuid, $8, $9::jsonb FROM changed)
  SELECT * FROM changed`;

const READY = `SELECT * FROM snapshots WHERE owner = $1 AND state = 'ready' AND expires_at > now()
    AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
  ORDER BY created_at DESC, id DESC LIMIT $4`;

interface SnapshotRow {
  id: string;
  owner: string;
  sandbox_id: string;
  operation_id: string;
  provider: string;
  provider_ref: string | null;
  state: SnapshotState;
  /** BIGINT arrives as text. */
  size_bytes: string | null;
  expires_at: Date;
  created_at: Date;
}

/** The SnapshotStore over hand-written SQL. */
@Injectable()
export class PgSnapshotStore implements SnapshotStore {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async find(id: string): Promise<Snapshot | null> {
    return isSnapshotId(id) ? this.one('SELECT * FROM snapshots WHERE id = $1', [id]) : null;
  }

  async findByOperation(operationId: string): Promise<Snapshot | null> {
    return this.one('SELECT * FROM snapshots WHERE operation_id = $1', [operationId]);
  }

  async countKept(owner: string): Promise<number> {
    return (await this.pool.query<{ kept: number }>(COUNT_KEPT, [owner])).rows[0]?.kept ?? 0;
  }

  async request(snapshot: NewSnapshot, maxPerOwner: number): Promise<RequestSnapshotResult> {
    const { id, owner, sandboxId, operationId, provider, ttlMs } = snapshot;
    return inTransaction(this.pool, async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [ADMISSION_LOCK]);
      const { rows: counted } = await client.query<{ kept: number }>(COUNT_KEPT, [owner]);
      if ((counted[0]?.kept ?? 0) >= maxPerOwner) return 'limit_of_owner';
      if ((await client.query(LOCK_USABLE, [sandboxId])).rowCount === 0) return 'not_running';
      if (!(await operations.start(client, operationId, 'sandbox.snapshot', sandboxId))) return 'abandoned';
      const { rows } = await client.query<SnapshotRow>(INSERT, [id, owner, sandboxId, operationId, provider, ttlMs]);
      const [row] = rows;
      if (row === undefined) throw new Error('an insert returned no row');
      return toSnapshot(row);
    });
  }

  async change(change: SnapshotChange): Promise<Snapshot | null> {
    return this.one(CHANGE, [
      change.id,
      change.from,
      change.to,
      change.providerRef ?? null,
      change.sizeBytes ?? null,
      change.kind,
      change.operationId ?? null,
      change.actor,
      JSON.stringify(change.detail ?? {}),
    ]);
  }

  async rememberRef(id: string, providerRef: string): Promise<void> {
    await this.pool.query('UPDATE snapshots SET provider_ref = $2 WHERE id = $1 AND provider_ref IS NULL', [id, providerRef]);
  }

  async ready(owner: string, after: SnapshotCursor | undefined, limit: number): Promise<readonly Snapshot[]> {
    return this.many(READY, [owner, after?.createdAt ?? null, after?.id ?? null, limit]);
  }

  async expired(provider: string, limit: number): Promise<readonly Snapshot[]> {
    return this.many(
      `SELECT * FROM snapshots WHERE provider = $1 AND state = 'ready' AND expires_at <= now() ORDER BY expires_at, id LIMIT $2`,
      [provider, limit],
    );
  }

  async untouched(
    provider: string,
    states: readonly SnapshotState[],
    untouchedForMs: number,
    limit: number,
  ): Promise<readonly Snapshot[]> {
    return this.many(
      `SELECT * FROM snapshots
       WHERE provider = $1 AND state = ANY($2::text[]) AND state IN ('requested', 'taking', 'unknown', 'deleting')
         AND updated_at <= now() - $3::bigint * interval '1 ms'
       ORDER BY updated_at, id LIMIT $4`,
      [provider, states, untouchedForMs, limit],
    );
  }

  async touch(id: string): Promise<void> {
    await this.pool.query('UPDATE snapshots SET updated_at = now() WHERE id = $1', [id]);
  }

  async statesOf(ids: readonly string[]): Promise<ReadonlyMap<string, SnapshotState>> {
    const { rows } = await this.pool.query<Pick<SnapshotRow, 'id' | 'state'>>(
      'SELECT id, state FROM snapshots WHERE id = ANY($1::text[])',
      [ids],
    );
    return new Map(rows.map(({ id, state }) => [id, state]));
  }

  private async one(sql: string, parameters: unknown[]): Promise<Snapshot | null> {
    return (await this.many(sql, parameters))[0] ?? null;
  }

  private async many(sql: string, parameters: unknown[]): Promise<Snapshot[]> {
    return (await this.pool.query<SnapshotRow>(sql, parameters)).rows.map(toSnapshot);
  }
}

function toSnapshot(row: SnapshotRow): Snapshot {
  return {
    id: row.id,
    owner: row.owner,
    sandboxId: row.sandbox_id,
    operationId: row.operation_id,
    provider: row.provider,
    providerRef: row.provider_ref,
    state: row.state,
    sizeBytes: row.size_bytes === null ? null : Number(row.size_bytes),
    expiresAt: row.expires_at,
    createdAt: row.created_at,
  };
}

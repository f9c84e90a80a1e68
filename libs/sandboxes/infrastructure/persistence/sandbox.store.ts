import { Inject, Injectable } from '@nestjs/common';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { Pool, PoolClient } from 'pg';
import type {
  Actor,
  LiveCounts,
  LiveLimits,
  NewSandbox,
  RequestResult,
  SandboxStore,
  StateChange,
  TagChange,
} from '../../application/ports/sandbox-store';
import type { Sandbox } from '../../domain/sandbox';
import { isSandboxId } from '../../domain/sandbox-id';
import type { EndReason } from '../../domain/sandbox-state';
import { countLive, refusalOf, takeAdmissionLock } from './admission-rows';
import { ExecutionRows } from './execution-rows';
import { FINAL_STATES, toSandbox, type SandboxRow } from './rows';
import * as operations from './operation-rows';

/** Takes a row for a change and lets rows that refer to it be inserted meanwhile. */
const LOCK = 'FOR NO KEY UPDATE';

const INSERT_SANDBOX = `WITH inserted AS (
    INSERT INTO sandboxes (id, owner, state, operation_id, provider, isolation, network_policy, image, cpu_millis, memory_mib, gpu,
      lifetime_ms, deadline_at, name, tags, idle_timeout_ms, network, ports, env_names)
    VALUES ($1, $2, 'requested', $3, $4, $5, $6, $7, $8, $9, $10, $11::int, now() + ($11::int + $12::int) * interval '1 ms',
      $13, $14::jsonb, $15, $16::jsonb, $17::int[], $18::text[])
    RETURNING *),
  event AS (
    INSERT INTO sandbox_events (sandbox_id, kind, to_state, operation_id, actor)
    SELECT id, 'requested', state, operation_id, owner FROM inserted)
  SELECT * FROM inserted`;

const CHANGE = `WITH old AS (
    SELECT id, state FROM sandboxes
    WHERE id = $1 AND state = ANY($2::text[]) AND ($3::text IS NULL OR desired_state = $3) ${LOCK}),
  changed AS (
    UPDATE sandboxes s SET
      state = $4::text,
      desired_state = CASE WHEN $5::boolean THEN 'terminated' ELSE s.desired_state END,
      reason = COALESCE(s.reason, $6),
      provider_ref = COALESCE($7, s.provider_ref),
      image_digest = COALESCE($8, s.image_digest),
      returncode = COALESCE($9::int, s.returncode),
      started_at = CASE WHEN $4 = 'running' THEN now() ELSE s.started_at END,
      deadline_at = CASE WHEN $4 = 'running' THEN now() + s.lifetime_ms * interval '1 ms' ELSE s.deadline_at END,
      last_active_at = CASE WHEN $4 = 'running' THEN now() ELSE s.last_active_at END,
      idle_at = CASE WHEN $4 = 'running' THEN now() + s.idle_timeout_ms * interval '1 ms' ELSE s.idle_at END,
      ended_at = CASE WHEN $4 IN ('finished', 'terminated', 'failed', 'lost') THEN COALESCE(s.ended_at, now()) ELSE s.ended_at END
    FROM old WHERE s.id = old.id
    RETURNING s.*, old.state AS from_state),
  event AS (
    INSERT INTO sandbox_events (sandbox_id, kind, from_state, to_state, reason, operation_id, actor, detail)
    SELECT id, $10, from_state, state, reason, $11::uuid, $12, $13::jsonb FROM changed)
  SELECT * FROM changed`;

const REQUEST_END = `WITH old AS (
    SELECT id FROM sandboxes WHERE id = $1 AND desired_state = 'running' AND state NOT IN ${FINAL_STATES} ${LOCK}),
  changed AS (
    UPDATE sandboxes s SET desired_state = 'terminated', reason = COALESCE(s.reason, $2) FROM old WHERE s.id = old.id RETURNING s.*),
  event AS (
    INSERT INTO sandbox_events (sandbox_id, kind, from_state, to_state, reason, operation_id, actor)
    SELECT id, 'end_requested', state, state, $2, $3::uuid, $4 FROM changed)
  SELECT * FROM changed`;

const CHANGE_TAGS = `UPDATE sandboxes SET tags = (tags - $2::text[]) || $3::jsonb WHERE id = $1 RETURNING *`;

/** Undoes a change of tags. */
class TooManyTags extends Error {}

const NOTE = `INSERT INTO sandbox_events (sandbox_id, kind, operation_id, actor, detail) VALUES ($1, $2, $3, $4, $5::jsonb)`;

/** The SandboxStore over hand-written SQL: a change of state and its event are one statement. */
@Injectable()
export class PgSandboxStore extends ExecutionRows implements SandboxStore {
  constructor(@Inject(PG_POOL) pool: Pool) {
    super(pool);
  }

  async find(id: string): Promise<Sandbox | null> {
    return isSandboxId(id) ? this.one('SELECT * FROM sandboxes WHERE id = $1', [id]) : null;
  }

  async findByOperation(operationId: string): Promise<Sandbox | null> {
    return this.one('SELECT * FROM sandboxes WHERE operation_id = $1', [operationId]);
  }

  async countLive(owner: string): Promise<LiveCounts> {
    return countLive(this.pool, owner);
  }

  async requestSandbox(sandbox: NewSandbox, limits: LiveLimits): Promise<RequestResult> {
    return inTransaction(this.pool, async (client) => {
      await takeAdmissionLock(client);
      const refusal = await refusalOf(client, sandbox.owner, limits);
      if (refusal !== null) return refusal;
      if (sandbox.name !== undefined && (await isNameTaken(client, sandbox.owner, sandbox.name))) return 'name_taken';
      if (!(await operations.start(client, sandbox.operationId, sandbox.operation, sandbox.id))) return 'abandoned';
      const { rows } = await client.query<SandboxRow>(INSERT_SANDBOX, [
        sandbox.id,
        sandbox.owner,
        sandbox.operationId,
        sandbox.provider,
        sandbox.isolation,
        sandbox.networkPolicy,
        sandbox.image,
        sandbox.cpuMillis,
        sandbox.memoryMiB,
        sandbox.gpu,
        sandbox.lifetimeMs,
        sandbox.createDeadlineMs,
        sandbox.name ?? null,
        JSON.stringify(sandbox.tags ?? {}),
        sandbox.idleTimeoutMs ?? null,
        sandbox.network === undefined ? null : JSON.stringify(sandbox.network),
        sandbox.ports ?? [],
        Object.keys(sandbox.env ?? {}),
      ]);
      return toSandbox(only(rows));
    });
  }

  async change(change: StateChange): Promise<Sandbox | null> {
    return this.one(CHANGE, [
      change.id,
      change.from,
      change.onlyIfDesired ?? null,
      change.to,
      change.end ?? false,
      change.reason ?? null,
      change.providerRef ?? null,
      change.imageDigest ?? null,
      change.returncode ?? null,
      change.kind,
      change.operationId ?? null,
      change.actor,
      JSON.stringify(change.detail ?? {}),
    ]);
  }

  async requestEnd(id: string, reason: EndReason, by: Actor): Promise<Sandbox | null> {
    return this.one(REQUEST_END, [id, reason, by.operationId ?? null, by.actor]);
  }

  async isNameTaken(owner: string, name: string): Promise<boolean> {
    return isNameTaken(this.pool, owner, name);
  }

  async changeTags(change: TagChange): Promise<Sandbox | 'too_many' | null> {
    const removed = Object.keys(change.tags).filter((tag) => change.tags[tag] === null);
    const set = Object.fromEntries(Object.entries(change.tags).filter(([, value]) => value !== null));
    return inTransaction(this.pool, async (client) => {
      if (!(await operations.start(client, change.operationId, change.operation, change.sandboxId))) return null;
      const { rows } = await client.query<SandboxRow>(CHANGE_TAGS, [change.sandboxId, removed, JSON.stringify(set)]);
      const changed = toSandbox(only(rows));
      if (Object.keys(changed.tags).length > change.maxTags) throw new TooManyTags();
      await client.query(NOTE, [change.sandboxId, 'tags_changed', change.operationId, change.owner, JSON.stringify(change.tags)]);
      return changed;
    }).catch((error: unknown) => {
      if (error instanceof TooManyTags) return 'too_many' as const;
      throw error;
    });
  }

  async note(id: string, kind: string, by: Actor, detail: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.pool.query(NOTE, [id, kind, by.operationId ?? null, by.actor, JSON.stringify(detail)]);
  }

  async rememberProviderRef(id: string, providerRef: string): Promise<void> {
    await this.pool.query('UPDATE sandboxes SET provider_ref = $2 WHERE id = $1 AND provider_ref IS NULL', [id, providerRef]);
  }

  async countGhostSighting(id: string): Promise<number> {
    const { rows } = await this.pool.query<{ ghost_sightings: number }>(
      `UPDATE sandboxes SET ghost_sightings = ghost_sightings + 1 WHERE id = $1 AND state = 'running' RETURNING ghost_sightings`,
      [id],
    );
    return rows[0]?.ghost_sightings ?? 0;
  }

  async clearGhostSightings(id: string): Promise<void> {
    await this.pool.query('UPDATE sandboxes SET ghost_sightings = 0 WHERE id = $1 AND ghost_sightings > 0', [id]);
  }

  async startRead(operationId: string, name: string, sandboxId: string, owner: string): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      if (!(await operations.start(client, operationId, name, sandboxId))) return false;
      await client.query(NOTE, [sandboxId, 'status_asked', operationId, owner, '{}']);
      return true;
    });
  }

  async abandonOperation(operationId: string, name: string): Promise<'abandoned' | 'started'> {
    return operations.abandon(this.pool, operationId, name);
  }

  async startTerminate(operationId: string, name: string, sandboxId: string, owner: string): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      if (!(await operations.start(client, operationId, name, sandboxId))) return false;
      await client.query(NOTE, [sandboxId, 'terminate_ordered', operationId, owner, '{}']);
      await client.query(REQUEST_END, [sandboxId, 'requested', operationId, owner]);
      return true;
    });
  }

  async sandboxOfOperation(operationId: string): Promise<string | null> {
    return operations.sandboxOf(this.pool, operationId);
  }

  private async one(sql: string, parameters: unknown[]): Promise<Sandbox | null> {
    const { rows } = await this.pool.query<SandboxRow>(sql, parameters);
    const [row] = rows;
    return row === undefined ? null : toSandbox(row);
  }
}

async function isNameTaken(client: Pool | PoolClient, owner: string, name: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT 1 FROM sandboxes WHERE owner = $1 AND name = $2 AND state NOT IN ('finished', 'terminated', 'failed', 'lost')`,
    [owner, name],
  );
  return (rowCount ?? 0) > 0;
}

function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined) throw new Error('an insert returned no row');
  return row;
}

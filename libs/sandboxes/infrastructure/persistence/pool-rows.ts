import { Inject, Injectable } from '@nestjs/common';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { acquireLease } from '@tollbox/platform/database/leases';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { Pool } from 'pg';
import type { NewPoolMember, PoolCount, PoolSource, PoolStore } from '../../application/ports/pool-store';
import type { LiveLimits, NewSandbox, RequestResult } from '../../application/ports/sandbox-store';
import type { PoolProfile } from '../../domain/pool';
import type { Sandbox } from '../../domain/sandbox';
import { refusalOf, takeAdmissionLock } from './admission-rows';
import * as operations from './operation-rows';
import { FINAL_STATES, toSandbox, type SandboxRow } from './rows';

const LEASE = 'warm-pool';
const ACTOR = 'pool';
/** A member whose time in the pool ends sooner is left to end. */
const CLAIM_MARGIN = `interval '1 s'`;
/** Callers at the same moment choose among so many. */
const CHOICES = 16;

const MEMBER = `state = 'pooled' AND desired_state = 'running' AND deadline_at > now() + ${CLAIM_MARGIN}`;
const OF_SOURCE = 'provider = $1 AND isolation = $2 AND network_policy = $3';
const OF_PROFILE = 'image = $4 AND cpu_millis = $5 AND memory_mib = $6';

const PICK = `SELECT * FROM (
    SELECT * FROM sandboxes WHERE ${OF_SOURCE} AND ${OF_PROFILE} AND ${MEMBER} ORDER BY deadline_at LIMIT ${CHOICES}) oldest
  ORDER BY random() LIMIT 1`;

const CLAIM = `WITH member AS (
    SELECT id FROM sandboxes WHERE id = $1 AND owner IS NULL AND ${MEMBER} FOR NO KEY UPDATE),
  claimed AS (
    UPDATE sandboxes s SET state = 'running', owner = $2, operation_id = $3, lifetime_ms = $4::int, created_at = now(), started_at = now(),
      last_active_at = now(), deadline_at = now() + $4::int * interval '1 ms'
    FROM member WHERE s.id = member.id RETURNING s.*),
  event AS (
    INSERT INTO sandbox_events (sandbox_id, kind, from_state, to_state, operation_id, actor)
    SELECT id, 'claimed', 'pooled', state, operation_id, owner FROM claimed)
  SELECT * FROM claimed`;

const REQUEST = `WITH inserted AS (
    INSERT INTO sandboxes (id, state, operation_id, provider, isolation, network_policy, image, cpu_millis, memory_mib, lifetime_ms, deadline_at)
    SELECT $1, 'requested', $2, $3, $4, $5, $6, $7, $8, $9::int, now() + ($9::int + $10::int) * interval '1 ms'
    FROM installation WHERE drained_at IS NULL
    RETURNING id, state, operation_id)
  INSERT INTO sandbox_events (sandbox_id, kind, to_state, operation_id, actor)
  SELECT id, 'requested', state, operation_id, '${ACTOR}' FROM inserted`;

const READY = `WITH ready AS (
    UPDATE sandboxes SET state = 'pooled', provider_ref = $2, image_digest = $3, started_at = now(),
      deadline_at = now() + $4::int * interval '1 ms'
    WHERE id = $1 AND owner IS NULL AND state = 'provisioning' AND desired_state = 'running' RETURNING id, operation_id)
  INSERT INTO sandbox_events (sandbox_id, kind, from_state, to_state, operation_id, actor)
  SELECT id, 'pooled', 'provisioning', 'pooled', operation_id, '${ACTOR}' FROM ready`;

const COUNTS = `SELECT image, cpu_millis, memory_mib, sum(members)::int AS members, sum(creates)::int AS creates FROM (
    SELECT image, cpu_millis, memory_mib, count(*) AS members, 0 AS creates FROM sandboxes
    WHERE ${OF_SOURCE} AND owner IS NULL AND desired_state = 'running' AND state NOT IN ${FINAL_STATES} GROUP BY 1, 2, 3
    UNION ALL
    SELECT image, cpu_millis, memory_mib, 0, count(*) FROM sandboxes
    WHERE ${OF_SOURCE} AND owner IS NOT NULL AND gpu IS NULL AND created_at > now() - $4::int * interval '1 ms' GROUP BY 1, 2, 3) counted
  GROUP BY 1, 2, 3`;

const END_SURPLUS = `WITH surplus AS (
    SELECT id FROM sandboxes WHERE ${OF_SOURCE} AND ${OF_PROFILE} AND state = 'pooled' AND desired_state = 'running'
    ORDER BY deadline_at LIMIT $7 FOR NO KEY UPDATE SKIP LOCKED),
  changed AS (
    UPDATE sandboxes s SET desired_state = 'terminated', reason = 'idle' FROM surplus WHERE s.id = surplus.id RETURNING s.id)
  INSERT INTO sandbox_events (sandbox_id, kind, from_state, to_state, reason, actor)
  SELECT id, 'end_requested', 'pooled', 'pooled', 'idle', '${ACTOR}' FROM changed`;

const RATES = `SELECT DISTINCT ON (resource) resource, usd_e12_per_second AS rate FROM provider_rates
  WHERE provider = $1 AND effective_from <= now() ORDER BY resource, version DESC`;

const ofSource = ({ provider, isolation, networkPolicy }: PoolSource): string[] => [provider, isolation, networkPolicy];
const ofProfile = ({ image, cpuMillis, memoryMiB }: PoolProfile): (string | number)[] => [image, cpuMillis, memoryMiB];

@Injectable()
export class PgPoolStore implements PoolStore {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async pick(profile: PoolProfile, source: PoolSource): Promise<Sandbox | null> {
    const { rows } = await this.pool.query<SandboxRow>(PICK, [...ofSource(source), ...ofProfile(profile)]);
    return rows[0] === undefined ? null : toSandbox(rows[0]);
  }

  async claim(memberId: string, sandbox: NewSandbox, limits: LiveLimits): Promise<RequestResult | 'taken'> {
    try {
      return await inTransaction(this.pool, async (client) => {
        await takeAdmissionLock(client);
        const refusal = await refusalOf(client, sandbox.owner, limits);
        if (refusal !== null) return refusal;
        if (!(await operations.start(client, sandbox.operationId, sandbox.operation, memberId))) return 'abandoned';
        const { owner, operationId, lifetimeMs } = sandbox;
        const { rows } = await client.query<SandboxRow>(CLAIM, [memberId, owner, operationId, lifetimeMs]);
        // The start of the operation must not stay: another member, or a sandbox of its own, goes on under it.
        if (rows[0] === undefined) throw new Taken();
        return toSandbox(rows[0]);
      });
    } catch (error) {
      if (error instanceof Taken) return 'taken';
      throw error;
    }
  }

  async request(member: NewPoolMember): Promise<boolean> {
    const { rowCount } = await this.pool.query(REQUEST, [
      ...[member.id, member.operationId, member.provider, member.isolation, member.networkPolicy],
      ...ofProfile(member),
      ...[member.lifetimeMs, member.createDeadlineMs],
    ]);
    return rowCount === 1;
  }

  async ready(id: string, providerRef: string, imageDigest: string | null, maxAgeMs: number): Promise<boolean> {
    return (await this.pool.query(READY, [id, providerRef, imageDigest, maxAgeMs])).rowCount === 1;
  }

  async counts(source: PoolSource, windowMs: number): Promise<readonly PoolCount[]> {
    const { rows } = await this.pool.query<SandboxRow & { members: number; creates: number }>(COUNTS, [
      ...ofSource(source),
      windowMs,
    ]);
    return rows.map((row) => ({
      profile: { image: row.image, cpuMillis: row.cpu_millis, memoryMiB: row.memory_mib },
      members: row.members,
      creates: row.creates,
    }));
  }

  async members(source: PoolSource, limit: number): Promise<readonly Sandbox[]> {
    const { rows } = await this.pool.query<SandboxRow>(
      `SELECT * FROM sandboxes WHERE ${OF_SOURCE} AND state = 'pooled' AND desired_state = 'running' ORDER BY updated_at LIMIT $4`,
      [...ofSource(source), limit],
    );
    return rows.map(toSandbox);
  }

  async endSurplus(profile: PoolProfile, source: PoolSource, count: number): Promise<number> {
    return (await this.pool.query(END_SURPLUS, [...ofSource(source), ...ofProfile(profile), count])).rowCount ?? 0;
  }

  async secondRates(provider: string): Promise<ReadonlyMap<string, bigint>> {
    const { rows } = await this.pool.query<{ resource: string; rate: string }>(RATES, [provider]);
    return new Map(rows.map(({ resource, rate }) => [resource, BigInt(rate)]));
  }

  async holdLease(holder: string, ttlMs: number): Promise<boolean> {
    return (await acquireLease(this.pool, LEASE, holder, ttlMs)) !== null;
  }
}

/** Rolls a claim back that came too late. */
class Taken extends Error {}

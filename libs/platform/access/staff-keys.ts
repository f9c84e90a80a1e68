import { Inject, Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { AuditLog } from '../audit/audit-log';
import { CLOCK, type Clock } from '../clock/clock';
import { IDS, RANDOM, type Ids, type Random } from '../clock/random';
import { PG_POOL } from '../database/pg-pool';
import { inTransaction } from '../database/transaction';
import type { StaffRole } from '../routes/access.decorators';
import { newToken, tokenSha256 } from './staff-key-token';

/** A staff key as it may be shown: everything but the key. */
export interface StaffKey {
  readonly id: string;
  readonly name: string;
  readonly role: StaffRole;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface NewStaffKey {
  readonly name: string;
  readonly role: StaffRole;
  /** How long the key is good. */
  readonly lifetimeMs: number;
  /** Who creates it, for the audit log. */
  readonly by: string;
}

/** Why a token opens nothing. `unknown` also stands for a token that is no key at all. */
export type KeyRefusal = 'unknown' | 'expired' | 'revoked';
export type KeyCheck =
  { readonly ok: true; readonly key: StaffKey } | { readonly ok: false; readonly reason: KeyRefusal; readonly keyId?: string };

const COLUMNS = `id, name, role, created_at AS "createdAt", expires_at AS "expiresAt", last_used_at AS "lastUsedAt", revoked_at AS "revokedAt"`;
const LAST_USE_GRAIN_MS = 60_000;

/** Staff keys: created, listed, revoked and checked. */
@Injectable()
export class StaffKeys {
  constructor(
    @Inject(PG_POOL) private readonly pool: Pool,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(RANDOM) private readonly random: Random,
    @Inject(IDS) private readonly ids: Ids,
    private readonly audit: AuditLog,
  ) {}

  /** Creates a key. The token is returned here and nowhere else again. */
  async create(wanted: NewStaffKey): Promise<{ readonly token: string; readonly key: StaffKey }> {
    const token = newToken(this.random);
    const expiresAt = new Date(this.clock.nowMs() + wanted.lifetimeMs);
    const key = await inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<StaffKey>(
        `INSERT INTO api_keys (id, name, role, key_sha256, expires_at) VALUES ($1, $2, $3, $4, $5) RETURNING ${COLUMNS}`,
        [this.ids.uuid(), wanted.name, wanted.role, tokenSha256(token), expiresAt],
      );
      const created = rows[0];
      if (created === undefined) throw new Error('the key was not stored');
      const detail = { name: created.name, role: created.role, expiresAt: expiresAt.toISOString() };
      await this.recordChange(client, 'key.create', created.id, wanted.by, detail);
      return created;
    });
    return { token, key };
  }

  /** All keys, newest first. */
  async list(): Promise<StaffKey[]> {
    const { rows } = await this.pool.query<StaffKey>(`SELECT ${COLUMNS} FROM api_keys ORDER BY created_at DESC, id`);
    return rows;
  }

  /** Revokes a key for good. Answers false when no key that is still good has this id. */
  async revoke(id: string, by: string): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      const { rowCount } = await client.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL', [
        id,
      ]);
      if (rowCount !== 1) return false;
      await this.recordChange(client, 'key.revoke', id, by, {});
      return true;
    });
  }

  /**
   * Looks a token up by its hash, so that the time of the answer says nothing about other keys, and notes its use (to
   * the minute).
   */
  async check(token: string): Promise<KeyCheck> {
    const { rows } = await this.pool.query<StaffKey>(`SELECT ${COLUMNS} FROM api_keys WHERE key_sha256 = $1`, [
      tokenSha256(token),
    ]);
    const key = rows[0];
    if (key === undefined) return { ok: false, reason: 'unknown' };
    if (key.revokedAt !== null) return { ok: false, reason: 'revoked', keyId: key.id };
    const nowMs = this.clock.nowMs();
    if (key.expiresAt.getTime() <= nowMs) return { ok: false, reason: 'expired', keyId: key.id };
    if (key.lastUsedAt === null || nowMs - key.lastUsedAt.getTime() >= LAST_USE_GRAIN_MS) {
      await this.pool.query('UPDATE api_keys SET last_used_at = greatest(last_used_at, $2) WHERE id = $1', [
        key.id,
        new Date(nowMs),
      ]);
    }
    return { ok: true, key };
  }

  private async recordChange(client: PoolClient, action: string, subject: string, by: string, detail: Record<string, string>) {
    await this.audit.record(
      { actorKind: 'system', actor: by, action, subjectKind: 'api_key', subject, outcome: 'ok', detail },
      client,
    );
  }
}

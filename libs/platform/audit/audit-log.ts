import { Inject, Injectable } from '@nestjs/common';
import type { Pool, PoolClient } from 'pg';
import { PG_POOL } from '../database/pg-pool';

/** One thing that somebody did or was refused. */
export interface AuditEntry {
  /** Whether `actor` names a staff key, a wallet, a part of the system, or nobody known. */
  readonly actorKind: 'staff' | 'wallet' | 'system' | 'anonymous';
  /** Key id, wallet address or name of the process; never a secret. */
  readonly actor: string;
  /** What was tried, for example `sandbox.terminate` or `installation.drain`. */
  readonly action: string;
  readonly subjectKind?: string | undefined;
  readonly subject?: string | undefined;
  readonly outcome: 'ok' | 'refused' | 'failed';
  /** Context as JSON; never a secret, never the value of an environment variable. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
  readonly requestId?: string | undefined;
  readonly ip?: string | undefined;
}

const INSERT = `INSERT INTO audit_log (actor_kind, actor, action, subject_kind, subject, outcome, detail, request_id, ip)
  VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9)`;

/** The append-only audit log. */
@Injectable()
export class AuditLog {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  /** Appends the entry; inside the transaction of `client` when one is given, so that both happen or neither. */
  async record(entry: AuditEntry, client?: PoolClient): Promise<void> {
    await (client ?? this.pool).query(INSERT, [
      entry.actorKind,
      entry.actor,
      entry.action,
      entry.subjectKind ?? null,
      entry.subject ?? null,
      entry.outcome,
      JSON.stringify(entry.detail ?? {}),
      entry.requestId ?? null,
      entry.ip ?? null,
    ]);
  }
}

import { Inject, Injectable } from '@nestjs/common';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { Pool } from 'pg';
import type { NewTunnel, OpenTunnel, OpenTunnelResult, TunnelStore } from '../../application/ports/tunnel-store';
import type { Tunnel } from '../../domain/tunnel';
import * as operations from './operation-rows';

/** The lock on the sandbox makes two openings of the same sandbox wait for each other, so that the limit holds exactly. */
const LOCK_USABLE = `SELECT id FROM sandboxes
  WHERE id = $1 AND state = 'running' AND desired_state = 'running' AND deadline_at > now() FOR NO KEY UPDATE`;

const USABLE = `t.closed_at IS NULL AND s.state = 'running' AND s.desired_state = 'running' AND s.deadline_at > now()`;

interface TunnelRow {
  id: string;
  owner: string;
  sandbox_id: string;
  operation_id: string;
  container_port: number;
  token_sha256: string | null;
  created_at: Date;
}

/** The TunnelStore over hand-written SQL. */
@Injectable()
export class PgTunnelStore implements TunnelStore {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async open(tunnel: NewTunnel, maxPerSandbox: number): Promise<OpenTunnelResult> {
    const { id, owner, sandboxId, operationId, containerPort, tokenSha256 } = tunnel;
    return inTransaction(this.pool, async (client) => {
      if ((await client.query(LOCK_USABLE, [sandboxId])).rowCount === 0) return 'not_running';
      const { rows: counted } = await client.query<{ open: number }>(
        'SELECT count(*)::int AS open FROM tunnels WHERE sandbox_id = $1 AND closed_at IS NULL',
        [sandboxId],
      );
      if ((counted[0]?.open ?? 0) >= maxPerSandbox) return 'limit_of_sandbox';
      if (!(await operations.start(client, operationId, 'sandbox.tunnel', sandboxId))) return 'abandoned';
      const { rows } = await client.query<TunnelRow>(
        `INSERT INTO tunnels (id, owner, sandbox_id, operation_id, container_port, token_sha256, is_public)
         VALUES ($1, $2, $3, $4, $5, $6, $6::text IS NULL) RETURNING *`,
        [id, owner, sandboxId, operationId, containerPort, tokenSha256],
      );
      const [row] = rows;
      if (row === undefined) throw new Error('an insert returned no row');
      return toTunnel(row);
    });
  }

  async findByOperation(operationId: string): Promise<Tunnel | null> {
    const { rows } = await this.pool.query<TunnelRow>('SELECT * FROM tunnels WHERE operation_id = $1', [operationId]);
    return rows[0] === undefined ? null : toTunnel(rows[0]);
  }

  async findOpen(ids: readonly string[]): Promise<readonly OpenTunnel[]> {
    const { rows } = await this.pool.query<TunnelRow & { provider: string; provider_ref: string }>(
      `SELECT t.*, s.provider, s.provider_ref FROM tunnels t JOIN sandboxes s ON s.id = t.sandbox_id
       WHERE t.id = ANY($1::text[]) AND s.provider_ref IS NOT NULL AND ${USABLE}`,
      [ids],
    );
    return rows.map((row) => ({ ...toTunnel(row), provider: row.provider, providerRef: row.provider_ref }));
  }

  async ofSandbox(sandboxId: string): Promise<readonly Tunnel[]> {
    const { rows } = await this.pool.query<TunnelRow>(
      `SELECT t.* FROM tunnels t JOIN sandboxes s ON s.id = t.sandbox_id
       WHERE t.sandbox_id = $1 AND ${USABLE} ORDER BY t.created_at DESC, t.id`,
      [sandboxId],
    );
    return rows.map(toTunnel);
  }

  async closeByOperation(operationId: string): Promise<void> {
    await this.pool.query('UPDATE tunnels SET closed_at = now() WHERE operation_id = $1 AND closed_at IS NULL', [operationId]);
  }
}

function toTunnel(row: TunnelRow): Tunnel {
  return {
    id: row.id,
    owner: row.owner,
    sandboxId: row.sandbox_id,
    operationId: row.operation_id,
    containerPort: row.container_port,
    tokenSha256: row.token_sha256,
    createdAt: row.created_at,
  };
}

import { Inject, Injectable } from '@nestjs/common';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import type { Pool } from 'pg';
import type { OwnSandboxCursor, OwnSandboxes, OwnSandboxFilter } from '../../application/ports/own-sandboxes';
import type { Sandbox } from '../../domain/sandbox';
import { toSandbox, type SandboxRow } from './rows';

/** `resourceState` of the domain, for filters. */
const STATE = `CASE
  WHEN state = 'finished' THEN 'finished'
  WHEN state = 'running' AND desired_state = 'running' AND deadline_at > now() THEN 'ready'
  WHEN desired_state = 'terminated' THEN 'terminated'
  WHEN state = 'requested' THEN 'created'
  WHEN state IN ('provisioning', 'unknown') THEN 'scheduled'
  ELSE 'terminated' END`;

/** Filters that are null let every row pass. */
const PAGE = `SELECT * FROM sandboxes
  WHERE owner = $1 AND ($2::text IS NULL OR name = $2) AND ($3::text IS NULL OR ${STATE} = $3)
    AND ($4::text IS NULL OR (CASE WHEN $5::text IS NULL THEN tags ? $4 ELSE tags ->> $4 = $5 END))
    AND ($6::timestamptz IS NULL OR (created_at, id) < ($6, $7::text))
  ORDER BY created_at DESC, id DESC LIMIT $8`;

@Injectable()
export class PgOwnSandboxes implements OwnSandboxes {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async page(
    owner: string,
    { name, state, tag }: OwnSandboxFilter,
    after: OwnSandboxCursor | undefined,
    limit: number,
  ): Promise<{ sandboxes: readonly Sandbox[]; hasMore: boolean }> {
    const { rows } = await this.pool.query<SandboxRow>(PAGE, [
      owner,
      name ?? null,
      state ?? null,
      tag?.name ?? null,
      tag?.value ?? null,
      after?.createdAt ?? null,
      after?.id ?? null,
      limit + 1,
    ]);
    return { sandboxes: rows.slice(0, limit).map(toSandbox), hasMore: rows.length > limit };
  }
}

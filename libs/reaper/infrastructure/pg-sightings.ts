import type { Pool } from 'pg';

/** Rows and the provider's objects, where the reaper saw one without the other. */
export interface Sighting {
  readonly kind: 'object_without_row' | 'row_without_object';
  readonly provider: string;
  readonly providerRef: string | null;
  readonly sandboxId: string | null;
}

const SIGHTINGS = `SELECT 'object_without_row' AS kind, provider, provider_ref AS "providerRef", NULL AS "sandboxId" FROM orphan_sightings
    WHERE first_seen_at <= now() - $1 * interval '1 ms'
  UNION ALL
  SELECT 'row_without_object', provider, provider_ref, id FROM sandboxes WHERE state = 'running' AND ghost_sightings > 0
    AND updated_at <= now() - $1 * interval '1 ms'
  ORDER BY 1, 2, 3 LIMIT $2`;

/** What the reaper has seen and not put right within a time of grace. */
export async function sightings(pool: Pool, graceMs: number, limit: number): Promise<readonly Sighting[]> {
  return (await pool.query<Sighting>(SIGHTINGS, [graceMs, limit])).rows;
}

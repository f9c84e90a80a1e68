import type { Pool } from 'pg';

/** The right to do what must be single. The fence rises with every change of holder. */
export interface HeldLease {
  readonly name: string;
  readonly holder: string;
  readonly fence: bigint;
}

/** Takes the lease or renews it for its holder; null while another one holds it. Times are the database's. */
export async function acquireLease(pool: Pool, name: string, holder: string, ttlMs: number): Promise<HeldLease | null> {
  const { rows } = await pool.query<{ fence: string }>(
    `INSERT INTO leases (name, holder, fence, expires_at) VALUES ($1, $2, 1, now() + $3 * interval '1 ms')
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at,
       fence = CASE WHEN leases.holder = excluded.holder THEN leases.fence ELSE leases.fence + 1 END
     WHERE leases.holder = excluded.holder OR leases.expires_at <= now()
     RETURNING fence`,
    [name, holder, ttlMs],
  );
  return rows[0] === undefined ? null : { name, holder, fence: BigInt(rows[0].fence) };
}

/**
 * Ends a lease that is still held; with a fence, only that holding of it. A millisecond back, because the column rounds
 * and could land in the future.
 */
export async function releaseLease(pool: Pool, lease: { name: string; holder: string; fence?: bigint }): Promise<void> {
  await pool.query(
    `UPDATE leases SET expires_at = now() - interval '1 ms' WHERE name = $1 AND holder = $2 AND ($3::bigint IS NULL OR fence = $3)`,
    [lease.name, lease.holder, lease.fence?.toString() ?? null],
  );
}

import type { Pool, PoolClient } from 'pg';
import type { HeldLease } from '@tollbox/platform/database/leases';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { LeaseLostError } from '../application/ports/reconciliation-store';

/** A transaction of a run. It holds the lease's row, so no other process can start while it writes. */
export function underLease<T>(pool: Pool, lease: HeldLease, work: (client: PoolClient) => Promise<T>): Promise<T> {
  return inTransaction(pool, async (client) => {
    const { rowCount } = await client.query(
      'SELECT 1 FROM leases WHERE name = $1 AND holder = $2 AND fence = $3 AND expires_at > now() FOR UPDATE',
      [lease.name, lease.holder, lease.fence.toString()],
    );
    if (rowCount !== 1) throw new LeaseLostError();
    return work(client);
  });
}

import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { loadConfig } from '@tollbox/platform/config/config';
import { reconcileOf } from '@tollbox/reconciliation/reconciliation.module';
import type { World } from './world';

/** What reconciliation said of everything that was paid in a run. */
export interface RealReconciliation {
  readonly payments: number;
  readonly transfers: number;
  readonly open: number;
  /** A first run, which reads the whole chain, and one after it that finds nothing new. */
  readonly firstMs: number;
  readonly againMs: number;
}

/** Holds the books against the chain on which the payments were really made, as the worker does. No difference may be open. */
export async function reconcileReal(world: World): Promise<RealReconciliation> {
  const config = loadConfig(world.workerEnvironment());
  const pool = new Pool({ connectionString: config.DATABASE_URL });
  try {
    const reconcile = reconcileOf(config, pool, null);
    const once = async () => {
      const startedAt = performance.now();
      const outcome = await reconcile.run(`bench:${randomUUID()}`);
      if (outcome.kind !== 'done') throw new Error('another reconciliation runs');
      const { payments = 0, transfers = 0, open = 0 } = outcome.result.counts;
      if (open > 0) throw new Error(`the reconciliation found differences: ${JSON.stringify(outcome.open)}`);
      return { payments, transfers, open, ms: performance.now() - startedAt };
    };
    const [first, again] = [await once(), await once()];
    const { payments, transfers } = first;
    return { payments, transfers, open: first.open + again.open, firstMs: first.ms, againMs: again.ms };
  } finally {
    await pool.end();
  }
}

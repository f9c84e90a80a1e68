import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { NETWORKS } from '@tollbox/platform/config/networks';
import { BookReceipts } from '@tollbox/reconciliation/application/book-receipts';
import { CheckBooks } from '@tollbox/reconciliation/application/check-books';
import { CheckRollups } from '@tollbox/reconciliation/application/check-rollups';
import { RollupChecksRepository } from '@tollbox/reconciliation/infrastructure/rollup-checks.repository';
import { ReadChain } from '@tollbox/reconciliation/application/read-chain';
import { Reconcile } from '@tollbox/reconciliation/application/reconcile';
import { ChecksRepository } from '@tollbox/reconciliation/infrastructure/checks.repository';
import { ItemsRepository } from '@tollbox/reconciliation/infrastructure/items.repository';
import { ReceiptsRepository } from '@tollbox/reconciliation/infrastructure/receipts.repository';
import { RunsRepository } from '@tollbox/reconciliation/infrastructure/runs.repository';
import { GeneratedChain } from './generated-chain';
import { walletsOf } from './month';

export interface ReconciliationTime {
  readonly transfers: number;
  readonly open: number;
  /** A first run, which reads the whole chain, and one after it that finds nothing new. */
  readonly firstMs: number;
  readonly againMs: number;
  readonly rssPeakMib: number;
}

/** Reconciles the loaded month with the chain that it settled on. Everything must agree. */
export async function measureReconciliation(pool: Pool, payments: number): Promise<ReconciliationTime> {
  globalThis.gc?.();
  const reconcile = reconcileWith(pool, new GeneratedChain(payments, walletsOf(payments)));
  let rssPeakMib = 0;
  const sampler = setInterval(() => (rssPeakMib = Math.max(rssPeakMib, process.memoryUsage().rss / 1_048_576)), 50);
  try {
    const first = await once(reconcile);
    const again = await once(reconcile);
    return { transfers: first.transfers, open: first.open + again.open, firstMs: first.ms, againMs: again.ms, rssPeakMib };
  } finally {
    clearInterval(sampler);
  }
}

async function once(reconcile: Reconcile): Promise<{ ms: number; transfers: number; open: number }> {
  const startedAt = performance.now();
  const outcome = await reconcile.run(`bench:${randomUUID()}`);
  if (outcome.kind !== 'done') throw new Error('another reconciliation runs');
  const { transfers = 0, open = 0 } = outcome.result.counts;
  if (open > 0) throw new Error(`the reconciliation found differences: ${JSON.stringify(outcome.open)}`);
  return { ms: performance.now() - startedAt, transfers, open };
}

function reconcileWith(pool: Pool, chain: GeneratedChain): Reconcile {
  const { caip2: network, usdc } = NETWORKS['base-sepolia'];
  const journal = new Journal(network);
  const receipts = new ReceiptsRepository(pool, journal, { network, usdc, payTo: `0x${'9'.repeat(40)}` });
  const items = new ItemsRepository(pool);
  return new Reconcile({
    runs: new RunsRepository(pool),
    items,
    read: new ReadChain(receipts, chain),
    book: new BookReceipts(receipts, { graceMs: 0, refundWallet: null, dustAtomic: 0n }),
    rollups: new CheckRollups(new RollupChecksRepository(pool), items),
    check: new CheckBooks(new ChecksRepository(pool, journal), receipts, items, chain, { graceMs: 0, gasWallets: [] }),
    provider: null,
    leaseMs: 60_000,
    nowMs: () => Date.now(),
  });
}

import { randomUUID } from 'node:crypto';
import type { Pool } from 'pg';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { NETWORKS } from '@tollbox/platform/config/networks';
import { BookReceipts } from '@tollbox/reconciliation/application/book-receipts';
import { CheckBooks } from '@tollbox/reconciliation/application/check-books';
import { CheckRollups } from '@tollbox/reconciliation/application/check-rollups';
import { RollupChecksRepository } from '@tollbox/reconciliation/infrastructure/rollup-checks.repository';
import type { ChainLogs } from '@tollbox/reconciliation/application/ports/chain-logs';
import type { ProviderSightings } from '@tollbox/reconciliation/application/ports/reconciliation-store';
import { ReadChain } from '@tollbox/reconciliation/application/read-chain';
import { Reconcile } from '@tollbox/reconciliation/application/reconcile';
import type { Hex } from '@tollbox/reconciliation/domain/hex';
import { ChecksRepository } from '@tollbox/reconciliation/infrastructure/checks.repository';
import { ItemsRepository } from '@tollbox/reconciliation/infrastructure/items.repository';
import { JsonRpc } from '@tollbox/platform/chain/json-rpc';
import { JsonRpcChainLogs } from '@tollbox/reconciliation/infrastructure/json-rpc-chain-logs';
import { ReceiptsRepository } from '@tollbox/reconciliation/infrastructure/receipts.repository';
import { RunsRepository } from '@tollbox/reconciliation/infrastructure/runs.repository';

const NETWORK = NETWORKS['base-sepolia'];

export interface ReconcilerOptions {
  readonly rpcUrl: string;
  readonly payTo: Hex;
  readonly graceMs?: number;
  readonly leaseMs?: number;
  readonly gasWallets?: readonly Hex[];
  readonly refundWallet?: Hex | null;
  readonly dustAtomic?: bigint;
  readonly rollupBatch?: number;
  readonly provider?: ProviderSightings | null;
  /** Stands in for the chain. */
  readonly logs?: ChainLogs;
}

/** A reconciler on a test's database and chain, as the worker composes it. */
export function reconciler(pool: Pool, options: ReconcilerOptions): Reconcile {
  const graceMs = options.graceMs ?? 0;
  const journal = new Journal(NETWORK.caip2);
  const chain =
    options.logs ??
    new JsonRpcChainLogs(new JsonRpc(options.rpcUrl, 5_000), {
      usdc: NETWORK.usdc,
      payTo: options.payTo,
      confirmation: 'latest',
      blockRange: 2_000,
    });
  const receipts = new ReceiptsRepository(pool, journal, { network: NETWORK.caip2, usdc: NETWORK.usdc, payTo: options.payTo });
  const items = new ItemsRepository(pool);
  return new Reconcile({
    runs: new RunsRepository(pool),
    items,
    read: new ReadChain(receipts, chain),
    book: new BookReceipts(receipts, {
      graceMs,
      refundWallet: options.refundWallet ?? null,
      dustAtomic: options.dustAtomic ?? 0n,
    }),
    rollups: new CheckRollups(new RollupChecksRepository(pool, options.rollupBatch), items),
    check: new CheckBooks(new ChecksRepository(pool, journal), receipts, items, chain, {
      graceMs,
      gasWallets: options.gasWallets ?? [],
    }),
    provider: options.provider ?? null,
    leaseMs: options.leaseMs ?? 10_000,
    nowMs: () => Date.now(),
  });
}

export const newHolder = (): string => `test:${randomUUID()}`;

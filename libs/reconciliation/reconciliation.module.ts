import { hostname } from 'node:os';
import { Logger, Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { Pool } from 'pg';
import { privateKeyToAccount } from 'viem/accounts';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { networkOf } from '@tollbox/platform/config/networks';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { BookReceipts } from './application/book-receipts';
import { CheckBooks } from './application/check-books';
import { CheckRollups } from './application/check-rollups';
import { RollupChecksRepository } from './infrastructure/rollup-checks.repository';
import { RECONCILIATION_QUERIES } from './application/ports/reconciliation-queries';
import type { ProviderSightings } from './application/ports/reconciliation-store';
import { ReadChain } from './application/read-chain';
import { Reconcile } from './application/reconcile';
import { ResolveItem } from './application/resolve-item';
import type { Hex } from './domain/hex';
import { ReconciliationController } from './http/reconciliation.controller';
import { ChecksRepository } from './infrastructure/checks.repository';
import { ItemsRepository } from './infrastructure/items.repository';
import { JsonRpc } from '@tollbox/platform/chain/json-rpc';
import { JsonRpcChainLogs } from './infrastructure/json-rpc-chain-logs';
import { PostgresReconciliationQueries } from './infrastructure/postgres-reconciliation-queries';
import { ReceiptsRepository } from './infrastructure/receipts.repository';
import { ResolutionsRepository } from './infrastructure/resolutions.repository';
import { RunsRepository } from './infrastructure/runs.repository';
import { ReconciliationRunner, type ReconciliationLog } from './reconciliation-runner';

/** Nest's injection token of the ProviderSightings, which the worker composes. */
export const PROVIDER_SIGHTINGS = Symbol('ProviderSightings');

const logger = new Logger('Reconciliation');
const log: ReconciliationLog = {
  done: (result) => logger.debug({ msg: 'books, chain and provider agree', ...result }),
  differs: (result) => logger.warn({ msg: 'books, chain or provider differ', alarm: true, ...result }),
  problem: (error) => logger.warn({ msg: 'reconciliation failed and is tried again', err: error }),
};

/** Wallets of the settlement keys: those of this process and those that it is told of. */
function gasWallets(config: Config): readonly Hex[] {
  const own = (config.SETTLEMENT_PRIVATE_KEY ?? []).map(addressOf);
  return [...new Set([...own, ...config.SETTLEMENT_WALLETS])];
}

const addressOf = (key: Hex): Hex => privateKeyToAccount(key).address.toLowerCase() as Hex;

export function reconcileOf(config: Config, pool: Pool, provider: ProviderSightings | null): Reconcile {
  const network = networkOf(config);
  const journal = new Journal(network.caip2);
  const chain = new JsonRpcChainLogs(new JsonRpc(config.RPC_URL, config.RPC_TIMEOUT_MS), {
    usdc: network.usdc,
    payTo: config.PAY_TO,
    confirmation: config.RECONCILIATION_CONFIRMATION,
    blockRange: config.RECONCILIATION_BLOCK_RANGE,
  });
  const graceMs = config.RECONCILIATION_GRACE_MS;
  const refundWallet = config.REFUND_PRIVATE_KEY === undefined ? null : addressOf(config.REFUND_PRIVATE_KEY);
  const receipts = new ReceiptsRepository(pool, journal, { network: network.caip2, usdc: network.usdc, payTo: config.PAY_TO });
  const items = new ItemsRepository(pool);
  return new Reconcile({
    runs: new RunsRepository(pool),
    items,
    read: new ReadChain(receipts, chain),
    book: new BookReceipts(receipts, { graceMs, refundWallet, dustAtomic: config.RECONCILIATION_DUST_ATOMIC }),
    rollups: new CheckRollups(new RollupChecksRepository(pool), items),
    check: new CheckBooks(new ChecksRepository(pool, journal), receipts, items, chain, {
      graceMs,
      gasWallets: gasWallets(config),
    }),
    provider,
    leaseMs: config.RECONCILIATION_LEASE_MS,
    nowMs: () => Date.now(),
  });
}

/** Reconciliation of a process. Needs PlatformModule. */
@Module({})
export class ReconciliationModule {
  /** What finance reads and decides. */
  static forGateway(): DynamicModule {
    return {
      module: ReconciliationModule,
      controllers: [ReconciliationController],
      providers: [
        {
          provide: RECONCILIATION_QUERIES,
          inject: [PG_POOL],
          useFactory: (pool: Pool) => new PostgresReconciliationQueries(pool),
        },
        {
          provide: ResolveItem,
          inject: [CONFIG, PG_POOL, AuditLog],
          useFactory: (config: Config, pool: Pool, audit: AuditLog) =>
            new ResolveItem(new ResolutionsRepository(pool, new Journal(networkOf(config).caip2), audit)),
        },
      ],
    };
  }

  /** The runs. `sightings` provides PROVIDER_SIGHTINGS. */
  static forWorker(sightings: Provider): DynamicModule {
    return {
      module: ReconciliationModule,
      providers: [
        sightings,
        {
          provide: ReconciliationRunner,
          inject: [CONFIG, PG_POOL, PROVIDER_SIGHTINGS],
          useFactory: (config: Config, pool: Pool, provider: ProviderSightings) =>
            new ReconciliationRunner(
              reconcileOf(config, pool, provider),
              new RunsRepository(pool),
              {
                name: `worker:${hostname()}:${process.pid}`,
                intervalMs: config.RECONCILIATION_INTERVAL_MS,
                pollMs: config.RECONCILIATION_POLL_MS,
              },
              log,
            ),
        },
      ],
    };
  }
}

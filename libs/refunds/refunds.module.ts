import { hostname } from 'node:os';
import { Logger, Module, type DynamicModule } from '@nestjs/common';
import type { Pool } from 'pg';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { IDS, type Ids } from '@tollbox/platform/clock/random';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { networkOf } from '@tollbox/platform/config/networks';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { PHASE_OBSERVER, type PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { ManageRefunds } from './application/manage-refunds';
import { RefundsController } from './http/refunds.controller';
import { PayoutsRepository } from './infrastructure/payouts.repository';
import { PostgresRefundQueries } from './infrastructure/refund-queries';
import { RefundsRepository } from './infrastructure/refunds.repository';
import { refuseSharedRefundKey } from './infrastructure/refuse-shared-key';
import { ViemRefundWallet } from './infrastructure/viem-refund-wallet';
import { PayoutRunner } from './payout-runner';

const logger = new Logger('Refunds');

/** Refunds of a process. Needs PlatformModule, and AccessModule in the gateway. */
@Module({})
export class RefundsModule {
  /** Takes requests and decisions of finance. */
  static forGateway(): DynamicModule {
    return {
      module: RefundsModule,
      controllers: [RefundsController],
      providers: [
        {
          provide: ManageRefunds,
          inject: [CONFIG, PG_POOL, AuditLog],
          useFactory: (config: Config, pool: Pool, audit: AuditLog) => {
            refuseSharedRefundKey(config);
            const store = new RefundsRepository(pool, new Journal(networkOf(config).caip2), audit);
            return new ManageRefunds(store, new PostgresRefundQueries(pool), {
              perPaymentAtomic: config.REFUND_LIMIT_PER_PAYMENT_ATOMIC,
              perDayAtomic: config.REFUND_LIMIT_PER_DAY_ATOMIC,
            });
          },
        },
      ],
    };
  }

  /** Pays what is approved, when this process has the key. */
  static forWorker(): DynamicModule {
    return {
      module: RefundsModule,
      providers: [
        {
          provide: PayoutRunner,
          inject: [CONFIG, PG_POOL, IDS, PHASE_OBSERVER],
          useFactory: (config: Config, pool: Pool, ids: Ids, phases: PhaseObserver) => {
            refuseSharedRefundKey(config);
            if (config.REFUND_PRIVATE_KEY === undefined) return null;
            const network = networkOf(config);
            return new PayoutRunner({
              config,
              store: new PayoutsRepository(pool, network.caip2, new Journal(network.caip2)),
              wallet: new ViemRefundWallet({
                network,
                rpcUrl: config.RPC_URL,
                timeoutMs: config.RPC_TIMEOUT_MS,
                privateKey: config.REFUND_PRIVATE_KEY,
              }),
              phases,
              leaseHolder: `refunds@${hostname()}:${process.pid}:${ids.uuid().slice(0, 8)}`,
              onProblem: (error, what) => logger.warn({ msg: `${what} failed`, err: error }),
            });
          },
        },
      ],
    };
  }
}

import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import type { Pool } from 'pg';
import { CREDIT_TOKENS } from '@tollbox/platform/access/owner-access';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { OperationRegistry } from '@tollbox/platform/operations/operation';
import { RevokeToken } from './application/revoke-token';
import { ShowCredits } from './application/show-credits';
import { TopUpOperation } from './application/topup.operation';
import { CreditsController } from './http/credits.controller';
import { HashedCreditTokens } from './infrastructure/hashed-credit-tokens';
import { PostgresCreditStore } from './infrastructure/postgres-credit-store';

const PROVIDERS: Provider[] = [
  { provide: PostgresCreditStore, inject: [PG_POOL], useFactory: (pool: Pool) => new PostgresCreditStore(pool) },
  {
    provide: TopUpOperation,
    inject: [PostgresCreditStore, CONFIG],
    useFactory: (store: PostgresCreditStore, config: Config) =>
      new TopUpOperation(store, {
        minAtomic: config.CREDITS_MIN_TOPUP_ATOMIC,
        maxAtomic: config.CREDITS_MAX_TOPUP_ATOMIC,
        maxTokensPerWallet: config.CREDITS_MAX_TOKENS_PER_WALLET,
      }),
  },
];

const GATEWAY_PROVIDERS: Provider[] = [
  { provide: ShowCredits, inject: [PostgresCreditStore], useFactory: (store: PostgresCreditStore) => new ShowCredits(store) },
  { provide: RevokeToken, inject: [PostgresCreditStore], useFactory: (store: PostgresCreditStore) => new RevokeToken(store) },
  {
    provide: CREDIT_TOKENS,
    inject: [PostgresCreditStore],
    useFactory: (store: PostgresCreditStore) => new HashedCreditTokens(store),
  },
];

type Import = Required<DynamicModule>['imports'][number];

/** Prepaid credits. Adds its operation to the registry that `operations` exports. */
@Module({})
export class CreditsModule {
  constructor(operations: OperationRegistry, topUp: TopUpOperation) {
    operations.register(topUp);
  }

  /** With routes and tokens. */
  static forGateway(operations: Import): DynamicModule {
    return {
      module: CreditsModule,
      global: true,
      imports: [operations],
      controllers: [CreditsController],
      providers: [...PROVIDERS, ...GATEWAY_PROVIDERS],
      exports: [CREDIT_TOKENS],
    };
  }

  /** Only the operation: the worker recovers top-ups whose process died. */
  static forWorker(operations: Import): DynamicModule {
    return { module: CreditsModule, imports: [operations], providers: PROVIDERS };
  }
}

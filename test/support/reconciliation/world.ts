import { Pool } from 'pg';
import type { Chain } from '@tollbox/devstack/chain';
import { testChain, testDatabase, type TestDatabase } from '../stack';
import { newHolder, reconciler, type ReconcilerOptions } from './reconciler';
import { PAY_TO, SeededPayments } from './seeded-payments';

const PAYER_ATOMIC = 1_000_000n;

/** One chain for a spec file; books, payments and a payer of its own for each test. */
export class ReconciliationWorld {
  private constructor(
    readonly chain: Chain,
    readonly database: TestDatabase,
    readonly pool: Pool,
    readonly seed: SeededPayments,
  ) {}

  /** @param login whose rights the pool has: the application's, or the owner's for a test that alters tables */
  static async start(chain: Chain, login: 'application' | 'owner' = 'application'): Promise<ReconciliationWorld> {
    const database = await testDatabase();
    const connectionString = login === 'owner' ? database.url : database.applicationUrl;
    const pool = new Pool({ connectionString, max: 5 });
    const seed = new SeededPayments(pool, chain);
    await chain.mint(seed.payer.address, PAYER_ATOMIC);
    return new ReconciliationWorld(chain, database, pool, seed);
  }

  /** A chain whose payTo holds this much before the books begin. */
  static async chainWith(payToAtomic = 0n): Promise<Chain> {
    const chain = await testChain();
    if (payToAtomic > 0n) await chain.mint(PAY_TO, payToAtomic);
    return chain;
  }

  async stop(): Promise<void> {
    await this.pool.end();
    await this.database.drop();
  }

  on(options: Partial<ReconcilerOptions> = {}): ReconcilerOptions {
    return { rpcUrl: this.chain.rpcUrl, payTo: PAY_TO, ...options };
  }

  /** One reconciliation by a worker that nobody else is. */
  run(options: Partial<ReconcilerOptions> = {}) {
    return reconciler(this.pool, this.on(options)).run(newHolder());
  }
}

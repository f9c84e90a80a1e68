import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { privateKeyToAccount } from 'viem/accounts';
import type { Chain } from '@tollbox/devstack/chain';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { loadConfig, type Config } from '@tollbox/platform/config/config';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { NETWORKS } from '@tollbox/platform/config/networks';
import { ManageRefunds } from '@tollbox/refunds/application/manage-refunds';
import type { RefundActor, RefundRequest } from '@tollbox/refunds/application/ports/refund-store';
import type { Hex, RefundWallet } from '@tollbox/refunds/application/ports/refund-wallet';
import { PayoutsRepository } from '@tollbox/refunds/infrastructure/payouts.repository';
import { PostgresRefundQueries } from '@tollbox/refunds/infrastructure/refund-queries';
import { RefundsRepository } from '@tollbox/refunds/infrastructure/refunds.repository';
import { ViemRefundWallet } from '@tollbox/refunds/infrastructure/viem-refund-wallet';
import { PayoutRunner } from '@tollbox/refunds/payout-runner';
import { testChain, testDatabase, type TestDatabase } from '../stack';

export const NETWORK = NETWORKS['base-sepolia'];
const PAY_TO = privateKeyToAccount(devPrivateKey(8)).address.toLowerCase();
export const REFUND_KEY = devPrivateKey(7);

export const staffKey = (): RefundActor => ({ keyId: randomUUID(), requestId: 'spec', ip: '127.0.0.1' });

/** A settled payment, put there as its end: how payments come to it is for the specs of payments. */
export async function settledPayment(
  pool: Pool,
  wallet: string,
  priceAtomic: bigint,
  change: Record<string, unknown> = {},
): Promise<string> {
  const row = {
    id: randomUUID(),
    network: NETWORK.caip2,
    asset: NETWORK.usdc,
    payer: wallet,
    nonce: randomUUID(),
    state: 'settled',
    operation: 'sandbox.create',
    operation_id: randomUUID(),
    x402_version: 2,
    pay_to: PAY_TO,
    amount_atomic: priceAtomic.toString(),
    price_atomic: priceAtomic.toString(),
    valid_after: '0',
    valid_before: '2000000000',
    signature: '0x',
    payer_kind: 'eoa',
    fingerprint: 'f',
    method: 'POST',
    path: '/',
    body_sha256: '',
    settlement_mode: 'confirm',
    answer_status: 200,
    answer_expires_at: new Date(),
    transaction_hash: '0x01',
    block_number: '1',
    claimed_at_block: '1',
    settled_at: new Date(),
    ...change,
  };
  const client = await pool.connect();
  try {
    await client.query('SET session_replication_role = replica'); // no triggers: a row in the middle of its life
    const names = Object.keys(row);
    const places = names.map((_, index) => `$${index + 1}`);
    await client.query(`INSERT INTO payments (${names.join(', ')}) VALUES (${places.join(', ')})`, Object.values(row));
  } finally {
    await client.query('RESET session_replication_role');
    client.release();
  }
  return row.id;
}

/** Refunds on a real database and a real chain: finance's side (`refunds`) and the worker's (`worker`). */
export class RefundWorld {
  readonly problems: string[] = [];
  readonly refunds: ManageRefunds;
  readonly store: RefundsRepository;
  private readonly journal = new Journal(NETWORK.caip2);

  private constructor(
    readonly config: Config,
    readonly database: TestDatabase,
    readonly chain: Chain,
    /** The login of gateway and worker. */
    readonly pool: Pool,
    /** The owner of the tables. */
    readonly owner: Pool,
  ) {
    this.store = new RefundsRepository(pool, this.journal, new AuditLog(pool));
    this.refunds = new ManageRefunds(this.store, new PostgresRefundQueries(pool), {
      perPaymentAtomic: config.REFUND_LIMIT_PER_PAYMENT_ATOMIC,
      perDayAtomic: config.REFUND_LIMIT_PER_DAY_ATOMIC,
    });
  }

  static async start(overrides: Record<string, string> = {}): Promise<RefundWorld> {
    const [database, chain] = await Promise.all([testDatabase(), testChain()]);
    const config = loadConfig({
      DATABASE_URL: database.applicationUrl,
      RPC_URL: chain.rpcUrl,
      PAY_TO,
      REFUND_PRIVATE_KEY: REFUND_KEY,
      REFUND_LIMIT_PER_PAYMENT_ATOMIC: '1000000000',
      REFUND_LIMIT_PER_DAY_ATOMIC: '1000000000000',
      REFUND_POLL_MS: '20',
      REFUND_RETRY_MS: '20',
      REFUND_REBROADCAST_AFTER_MS: '20',
      REFUND_DROP_AFTER_MS: '0',
      REFUND_FINAL_DEPTH: '1',
      REFUND_LEASE_MS: '1000',
      ...overrides,
    });
    const pool = new Pool({ connectionString: database.applicationUrl, max: 20 });
    return new RefundWorld(config, database, chain, pool, new Pool({ connectionString: database.url, max: 2 }));
  }

  wallet(): RefundWallet {
    const { RPC_URL: rpcUrl, RPC_TIMEOUT_MS: timeoutMs } = this.config;
    return new ViemRefundWallet({ network: NETWORK, rpcUrl, timeoutMs, privateKey: REFUND_KEY });
  }

  /** A worker with this name. `pass()` does one round of its loop; `change` puts another wallet behind it. */
  worker(name = 'worker-1', change: (wallet: RefundWallet) => RefundWallet = (wallet) => wallet) {
    const wallet = change(this.wallet());
    const store = new PayoutsRepository(this.pool, NETWORK.caip2, this.journal);
    const runner = new PayoutRunner({
      config: this.config,
      store,
      wallet,
      phases: { reached: () => undefined },
      leaseHolder: name,
      onProblem: (error, what) => void this.problems.push(`${what}: ${String(error)}`),
    });
    const leaseName = `refunds:${this.config.X402_NETWORK}:${wallet.address}`;
    const lease = async () => {
      const held = await store.acquireLease(leaseName, name, this.config.REFUND_LEASE_MS);
      if (held === null) throw new Error(`${name} does not get the lease`);
      return held;
    };
    return {
      runner,
      store,
      lease,
      pass: async () => runner.loop.pass(await lease()),
      /** Its process died: nothing is done any more, and its lease runs out. */
      die: () => this.pool.query(`UPDATE leases SET expires_at = now() - interval '1 s' WHERE holder = $1`, [name]),
    };
  }

  payment(wallet: string, priceAtomic = 100_000_000n, change: Record<string, unknown> = {}): Promise<string> {
    return settledPayment(this.owner, wallet.toLowerCase(), priceAtomic, change);
  }

  request(paymentId: string, amountAtomic: bigint, change: Partial<RefundRequest> = {}, actor = staffKey()) {
    return this.refunds.request(
      { paymentId, amountAtomic, kind: 'onchain', reason: 'the spec says so', idempotencyKey: null, ...change },
      actor,
    );
  }

  async fund(amountAtomic: bigint): Promise<void> {
    await this.chain.mint(privateKeyToAccount(REFUND_KEY).address, amountAtomic);
  }

  /** What the books say, debits less credits, of each account that these refunds touched. */
  async books(...refundIds: string[]): Promise<Record<string, bigint>> {
    const { rows } = await this.pool.query<{ code: string; balance: string }>(
      `SELECT code, sum(amount)::text AS balance FROM (
         SELECT debit_account AS account, amount FROM journal WHERE subject = ANY ($1::uuid[])
         UNION ALL SELECT credit_account, -amount FROM journal WHERE subject = ANY ($1::uuid[])) AS moves
       JOIN ledger_accounts ON ledger_accounts.id = account WHERE asset = 'USDC' GROUP BY code`,
      [refundIds],
    );
    return Object.fromEntries(rows.map(({ code, balance }) => [code, BigInt(balance)]));
  }

  /** Blocks with nothing in them. */
  mine(blocks: number): Promise<void> {
    return this.chain.mine(blocks);
  }

  balance(wallet: string): Promise<bigint> {
    return this.chain.balanceOf(wallet as Hex);
  }

  async stop(): Promise<void> {
    await Promise.all([this.pool.end(), this.owner.end()]);
    await Promise.all([this.chain.stop(), this.database.drop()]);
  }
}

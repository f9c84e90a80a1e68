import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import type { INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Pool } from 'pg';
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import type { Chain } from '@tollbox/devstack/chain';
import { NETWORKS, type Hex } from '@tollbox/payments/domain/networks';
import { loadConfig, type Config } from '@tollbox/platform/config/config';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { createFastifyAdapter } from '@tollbox/platform/http/fastify-adapter';
import { GatewayModule } from '../../../apps/gateway/src/app.module';
import { WorkerModule } from '../../../apps/worker/src/worker.module';
import { LocalControlPlane } from '../modal/control-plane';
import { callSignedIn, type Method } from '../owner/sign-in';
import { signAuthorization, v1Header, v2Header } from '../payments/sign';
import { testChain, testDatabase, type TestDatabase } from '../stack';

const NETWORK = NETWORKS['base-sepolia'];
const PAY_TO = privateKeyToAccount(devPrivateKey(8)).address.toLowerCase() as Hex;

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly body: Body;
  readonly headers: Record<string, unknown>;
}

export const newToken = (): { token: string; sha256: string } => {
  const token = `tbc_${randomBytes(32).toString('base64url')}`;
  return { token, sha256: createHash('sha256').update(token).digest('hex') };
};

/** Gateway and worker in this process, on a database, a chain and a local Modal control plane of their own. */
export class CreditsWorld {
  private worker: INestApplicationContext | null = null;

  private constructor(
    readonly app: NestFastifyApplication,
    readonly config: Config,
    readonly chain: Chain,
    private readonly database: TestDatabase,
    private readonly modal: LocalControlPlane,
  ) {}

  /** @param more modules of a spec, and changes to the composition. */
  static async start(
    env: Record<string, string> = {},
    more: { imports?: ModuleMetadata['imports']; change?: (builder: TestingModuleBuilder) => TestingModuleBuilder } = {},
  ): Promise<CreditsWorld> {
    const [database, chain, modal] = await Promise.all([testDatabase(), testChain(), LocalControlPlane.start()]);
    Object.assign(process.env, modal.environment);
    const config = loadConfig({
      DATABASE_URL: database.url,
      RPC_URL: chain.rpcUrl,
      PAY_TO,
      SETTLEMENT_PRIVATE_KEY: devPrivateKey(0),
      SETTLEMENT_POLL_MS: '50',
      LOG_LEVEL: 'silent',
      SANDBOX_PROVIDER: 'modal',
      CLAIM_LEASE_MS: '3000',
      ...modal.environment,
      ...env,
    });
    const builder = Test.createTestingModule({ imports: [GatewayModule.forRoot(config), ...(more.imports ?? [])] });
    const module = await (more.change?.(builder) ?? builder).compile();
    const app: NestFastifyApplication = module.createNestApplication(createFastifyAdapter(config));
    app.useLogger(false);
    await app.init();
    await app.getHttpAdapter().getInstance().ready();
    const world = new CreditsWorld(app, config, chain, database, modal);
    await world.startWorker();
    return world;
  }

  get pool(): Pool {
    return this.app.get<Pool>(PG_POOL);
  }

  async startWorker(): Promise<void> {
    const module = await Test.createTestingModule({ imports: [WorkerModule.forRoot(this.config)] }).compile();
    module.useLogger(false);
    this.worker = await module.init();
  }

  async stopWorker(): Promise<void> {
    await this.worker?.close();
    this.worker = null;
  }

  async stop(): Promise<void> {
    await this.stopWorker();
    await this.app.close();
    await Promise.all([this.chain.stop(), this.modal.stop()]);
    await this.database.drop();
  }

  async payer(balanceAtomic = 100_000_000n): Promise<PrivateKeyAccount> {
    const account = privateKeyToAccount(generatePrivateKey());
    await this.chain.mint(account.address, balanceAtomic);
    return account;
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const answer = await this.app.inject({ method: 'POST', url: path, payload: body as object, headers });
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers };
  }

  /** A call paid with x402. */
  async pay(payer: PrivateKeyAccount, path: string, body: unknown, amountAtomic: bigint, version: 1 | 2 = 2): Promise<Answer> {
    return this.post(path, body, await this.paymentHeader(payer, amountAtomic, version));
  }

  /** The header of a new payment. */
  async paymentHeader(payer: PrivateKeyAccount, amountAtomic: bigint, version: 1 | 2 = 2): Promise<Record<string, string>> {
    const { authorization, signature } = await signAuthorization({ network: NETWORK, payer, payTo: PAY_TO, amountAtomic });
    return version === 1
      ? { 'x-payment': v1Header(NETWORK, authorization, signature) }
      : { 'payment-signature': v2Header(NETWORK, authorization, signature) };
  }

  /** A new token with this much credit. */
  async topUp(
    payer: PrivateKeyAccount,
    amountAtomic: bigint,
    made = newToken(),
  ): Promise<{ token: string; sha256: string; answer: Answer }> {
    const body = { amount: amountAtomic.toString(), token_sha256: made.sha256 };
    return { ...made, answer: await this.pay(payer, '/v1/credits', body, amountAtomic) };
  }

  /** A call paid with credit. */
  spend(token: string, path: string, body: unknown, idempotencyKey: string = randomUUID()): Promise<Answer> {
    return this.post(path, body, { authorization: `Bearer ${token}`, 'idempotency-key': idempotencyKey });
  }

  async signedIn(signer: PrivateKeyAccount, url: string, method: Method = 'GET'): Promise<Answer> {
    const answer = await callSignedIn(this.app, signer, url, method);
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers };
  }

  async account(wallet: string): Promise<Record<'balance' | 'held' | 'debt', string> | undefined> {
    const { rows } = await this.pool.query<Record<'balance' | 'held' | 'debt', string>>(
      'SELECT balance_atomic AS balance, held_atomic AS held, debt_atomic AS debt FROM credit_accounts WHERE wallet = $1',
      [wallet.toLowerCase()],
    );
    return rows[0];
  }

  /** What the journal says that the house owes for credits, and what the balance rows and statements add up to. */
  async sums(): Promise<{ journal: string; balances: string; statements: string; held: string }> {
    const { rows } = await this.pool.query<{ journal: string; balances: string; statements: string; held: string }>(
      `SELECT (SELECT sum(CASE WHEN c.code = 'credits' THEN amount WHEN d.code = 'credits' THEN -amount ELSE 0 END) FROM journal
           JOIN ledger_accounts c ON c.id = credit_account JOIN ledger_accounts d ON d.id = debit_account) AS journal,
         (SELECT sum(balance_atomic) FROM credit_accounts) AS balances, (SELECT sum(amount_atomic) FROM credit_entries) AS statements,
         (SELECT sum(held_atomic) FROM credit_accounts) AS held`,
    );
    return rows[0]!;
  }
}

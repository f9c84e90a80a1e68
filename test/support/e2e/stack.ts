import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExactEvmScheme } from '@x402/evm';
import { wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { Pool } from 'pg';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import type { Chain } from '@tollbox/devstack/chain';
import { engineClient, removeContainers } from '@tollbox/devstack/engine-client';
import { NETWORKS, type Hex } from '@tollbox/payments/domain/networks';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { signAuthorization, v1Header, v2Header } from '../payments/sign';
import { entriesOf, expectCleanBooks, GENESIS_WEI } from '../reconciliation/clean-books';
import { LocalControlPlane } from '../modal/control-plane';
import { testChain, testDatabase, testEngine, type TestDatabase } from '../stack';
import { Child } from './child';

export type ProviderUnderTest = 'container' | 'modal';
export type SandboxCall = 'create' | 'exec' | 'status' | 'terminate';

export const NETWORK = NETWORKS['base-sepolia'];
export const PAY_TO = privateKeyToAccount(devPrivateKey(8)).address.toLowerCase() as Hex;
const SETTLEMENT_KEY = devPrivateKey(0);
const PRICES: Record<SandboxCall, bigint> = { create: 10_000n, exec: 1_000n, status: 1_000n, terminate: 1_000n };

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // Answers are compared field by field in tests.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

export interface StackOptions {
  readonly provider?: ProviderUnderTest;
  readonly env?: Record<string, string>;
  /** Instead of a fresh one of the test run's own server. */
  readonly database?: TestDatabase;
  /** Start no worker: nothing settles. */
  readonly worker?: boolean;
}

/** A whole Tollbox of separate processes: its own database and chain, and real sandboxes. */
export class Stack {
  gateway!: Child & { url: string };
  worker: Child | null = null;
  private readonly children: Child[] = [];

  private constructor(
    readonly database: TestDatabase,
    readonly chain: Chain,
    readonly pool: Pool,
    private readonly env: Record<string, string>,
    private readonly controlPlane: LocalControlPlane | null,
  ) {}

  static async start(options: StackOptions = {}): Promise<Stack> {
    const provider = options.provider ?? 'container';
    const [database, chain] = await Promise.all([options.database ?? testDatabase(), testChain()]);
    const controlPlane = provider === 'modal' ? await LocalControlPlane.start() : null;
    const engine = testEngine();
    const env = {
      DATABASE_URL: database.applicationUrl,
      RPC_URL: chain.rpcUrl,
      PAY_TO,
      PORT: '0',
      LOG_LEVEL: 'warn',
      SANDBOX_PROVIDER: provider,
      DOCKER_HOST: engine.dockerHost,
      SANDBOX_IMAGE_REFERENCES: engine.imageReferences,
      SANDBOX_AGENT_FILE: engine.agentFile,
      SETTLEMENT_WALLETS: privateKeyToAccount(SETTLEMENT_KEY).address,
      SETTLEMENT_LEASE_MS: '2000',
      SETTLEMENT_POLL_MS: '100',
      CLAIM_LEASE_MS: '2000',
      SETTLEMENT_MODE: 'confirm', // receipts at once; optimistic answers have their own spec
      REAPER_INTERVAL_MS: '300',
      REQUESTS_PER_MINUTE_PER_IP: '1000000',
      ...(controlPlane?.environment ?? {}),
      ...options.env,
    };
    const pool = new Pool({ connectionString: database.url, max: 4 });
    const stack = new Stack(database, chain, pool, env, controlPlane);
    try {
      await stack.startGateway();
      if (options.worker !== false) await stack.startWorker();
    } catch (error) {
      await stack.stop();
      throw error;
    }
    return stack;
  }

  async startGateway(env: Record<string, string> = {}): Promise<void> {
    this.gateway = await Child.start('gateway', { ...this.env, ...env });
    this.children.push(this.gateway);
  }

  async startWorker(env: Record<string, string> = {}): Promise<void> {
    this.worker = await Child.start('worker', { ...this.env, SETTLEMENT_PRIVATE_KEY: SETTLEMENT_KEY, ...env });
    this.children.push(this.worker);
  }

  /** One more gateway on the same database. */
  async addGateway(env: Record<string, string> = {}): Promise<Child & { url: string }> {
    const gateway = await Child.start('gateway', { ...this.env, ...env });
    this.children.push(gateway);
    return gateway;
  }

  /** One more worker on the same database. */
  async addWorker(): Promise<Child> {
    const worker = await Child.start('worker', { ...this.env, SETTLEMENT_PRIVATE_KEY: SETTLEMENT_KEY });
    this.children.push(worker);
    return worker;
  }

  /** A wallet with this much USDC; each index is another wallet. */
  async wallet(index: number, balanceAtomic = 1_000_000n): Promise<PrivateKeyAccount> {
    const account = privateKeyToAccount(devPrivateKey(index));
    if (balanceAtomic > 0n) await this.chain.mint(account.address, balanceAtomic);
    return account;
  }

  async post(path: string, body: unknown, headers: Record<string, string> = {}, base = this.gateway.url): Promise<Answer> {
    const response = await fetch(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return toAnswer(response);
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return toAnswer(await fetch(this.gateway.url + path, { headers }));
  }

  /** A v2 payment header for a call; other amounts and versions on demand. */
  async header(
    payer: PrivateKeyAccount,
    call: SandboxCall,
    options: { version?: 1 | 2; amountAtomic?: bigint } = {},
  ): Promise<Record<string, string>> {
    const amountAtomic = options.amountAtomic ?? PRICES[call];
    const { authorization, signature } = await signAuthorization({ network: NETWORK, payer, payTo: PAY_TO, amountAtomic });
    if (options.version === 1) return { 'X-PAYMENT': v1Header(NETWORK, authorization, signature) };
    return { 'PAYMENT-SIGNATURE': v2Header(NETWORK, authorization, signature) };
  }

  /** One paid call with a fresh v2 payment. */
  async paid(payer: PrivateKeyAccount, call: SandboxCall, body: unknown): Promise<Answer> {
    return this.post(`/api/v1/modal/sandbox/${call}`, body, await this.header(payer, call));
  }

  /** The official, unmodified x402 v2 client. */
  officialClient(account: PrivateKeyAccount): typeof fetch {
    return wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network: NETWORK.caip2, client: new ExactEvmScheme(account) }] });
  }

  async staffToken(role: 'operator' | 'finance' | 'auditor'): Promise<string> {
    const token = `tb_${randomBytes(32).toString('base64url')}`;
    await this.pool.query(
      `INSERT INTO api_keys (id, name, role, key_sha256, expires_at) VALUES ($1, $2, $2, $3, now() + interval '1 day')`,
      [randomUUID(), role, createHash('sha256').update(token).digest()],
    );
    return token;
  }

  async settledAtomic(): Promise<bigint> {
    const { rows } = await this.pool.query<{ sum: string | null }>(
      `SELECT sum(amount_atomic) AS sum FROM payments WHERE state = 'settled'`,
    );
    return BigInt(rows[0]?.sum ?? 0);
  }

  /** payTo's balance on the chain. */
  earnedAtomic(): Promise<bigint> {
    return this.chain.balanceOf(PAY_TO);
  }

  async sandboxes(): Promise<{ id: string; state: string; reason: string | null }[]> {
    const { rows } = await this.pool.query<{ id: string; state: string; reason: string | null }>(
      'SELECT id, state, reason FROM sandboxes ORDER BY created_at',
    );
    return rows;
  }

  /** What the books hold of the payment that this answer is of. */
  bookedFor(answer: Answer): Promise<readonly string[]> {
    return entriesOf(this.pool, answer.headers.get('x-payment-id') ?? randomUUID());
  }

  /** Waits until nothing is under way, and reconciles: no item is open, and gas and money agree with the chain. */
  async expectCleanBooks(): Promise<void> {
    await eventually('nothing is under way', async () => {
      const { rows } = await this.pool.query(
        `SELECT 1 FROM payments WHERE state NOT IN ('settled', 'voided', 'failed', 'expired')
         UNION ALL SELECT 1 FROM settlement_transactions WHERE state IN ('stored', 'sent')`,
      );
      return rows.length === 0;
    });
    const gasWallets = [privateKeyToAccount(SETTLEMENT_KEY).address.toLowerCase() as Hex];
    await expectCleanBooks(this.pool, { rpcUrl: this.chain.rpcUrl, payTo: PAY_TO, gasWallets });
    const { rows } = await this.pool.query<{ amount: string }>(`SELECT amount FROM journal WHERE event = 'gas_opening'`);
    expect(rows).toEqual([{ amount: GENESIS_WEI.toString() }]);
  }

  /** Provider objects of this installation that exist now. */
  async providerObjects(): Promise<number> {
    const { rows } = await this.pool.query<{ id: string }>('SELECT id FROM installation');
    if (this.controlPlane !== null) return this.controlPlane.runningSandboxes().length;
    const label = `tollbox.installation=${rows[0]?.id ?? ''}`;
    return (await engineClient(testEngine().dockerHost).listContainers({ all: true, filters: { label: [label] } })).length;
  }

  async stop(): Promise<void> {
    await Promise.all(this.children.map((child) => child.stop()));
    const { rows } = await this.pool.query<{ id: string }>('SELECT id FROM installation');
    if (this.controlPlane === null && rows[0] !== undefined)
      await removeContainers(testEngine().dockerHost, `tollbox.installation=${rows[0].id}`);
    await this.controlPlane?.stop();
    await this.pool.end();
    await Promise.all([this.chain.stop(), this.database.drop()]);
  }
}

async function toAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, headers: response.headers, text, body: isJson && text !== '' ? JSON.parse(text) : undefined };
}

/** Polls until the check gives something; fails with what it last saw. */
export async function eventually<T>(
  what: string,
  check: () => Promise<T | null | undefined | false>,
  withinMs = 30_000,
): Promise<T> {
  const endsAtMs = Date.now() + withinMs;
  for (;;) {
    const result = await check();
    if (result !== null && result !== undefined && result !== false) return result;
    if (Date.now() > endsAtMs) throw new Error(`did not happen within ${withinMs} ms: ${what}`);
    await sleep(50);
  }
}

export const receiptOf = (answer: Answer, name = 'payment-response'): Record<string, unknown> =>
  JSON.parse(Buffer.from(answer.headers.get(name) ?? '', 'base64').toString('utf8')) as Record<string, unknown>;

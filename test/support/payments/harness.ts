import { Pool } from 'pg';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { z } from 'zod';
import type { Chain } from '@tollbox/devstack/chain';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { AwaitOutcome } from '@tollbox/payments/application/await-outcome';
import { ClaimPayment } from '@tollbox/payments/application/claim-payment';
import { ConcludeClaim } from '@tollbox/payments/application/conclude-claim';
import { ExecuteClaim } from '@tollbox/payments/application/execute-claim';
import type { PaidOutcome } from '@tollbox/payments/application/outcomes';
import { PayForOperation } from '@tollbox/payments/application/pay-for-operation';
import { RecoverClaim } from '@tollbox/payments/application/recover-claim';
import { VerifyPayment } from '@tollbox/payments/application/verify-payment';
import { decodePaymentHeader } from '@tollbox/payments/domain/payment-header';
import { NETWORKS, type Hex } from '@tollbox/payments/domain/networks';
import { PostgresPaymentSignals } from '@tollbox/payments/infrastructure/payment-signals';
import { PaymentsRepository } from '@tollbox/payments/infrastructure/payments.repository';
import { SettlementRepository } from '@tollbox/payments/infrastructure/settlement.repository';
import { loadSignatureRecovery } from '@tollbox/payments/infrastructure/signature-recovery';
import { ViemChain } from '@tollbox/payments/infrastructure/viem-chain';
import { JsonRpc } from '@tollbox/platform/chain/json-rpc';
import { RpcSettlementWallet, settlementGas } from '@tollbox/payments/infrastructure/rpc-settlement-wallet';
import { payerCodeGasLimits, PostgresPayerCodeGas } from '@tollbox/payments/infrastructure/postgres-payer-code-gas';
import type { RemoteSettlement } from '@tollbox/payments/remote-rail';
import { SettlementRunner } from '@tollbox/payments/settlement-runner';
import { loadConfig, type Config } from '@tollbox/platform/config/config';
import { devPrivateKey } from '@tollbox/platform/config/dev-keys';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import {
  OperationRegistry,
  type Operation,
  type OperationAnswer,
  type OperationOutcome,
} from '@tollbox/platform/operations/operation';
import { entriesOf, expectCleanBooks, GENESIS_WEI, type LeftItem } from '../reconciliation/clean-books';
import { testChain, testDatabase, type TestDatabase } from '../stack';
import { eventually } from './eventually';
import { LaggingNode } from './lagging-node';
import { signAuthorization, v1Header, v2Header, type SignOptions } from './sign';

export const NETWORK = NETWORKS['base-sepolia'];
export const PRICE_ATOMIC = 1_000n;
export const PAY_TO = privateKeyToAccount(devPrivateKey(8)).address.toLowerCase() as Hex;
const SETTLEMENT_KEY = devPrivateKey(0);
const addressOf = (key: Hex): Hex => privateKeyToAccount(key).address.toLowerCase() as Hex;
const inOrder = (lists: readonly (readonly string[])[]): readonly (readonly string[])[] =>
  [...lists].sort((one, other) => (one.join() < other.join() ? -1 : 1));

/** An operation that counts what was asked of it. Its records are what `outcomeOf` answers from. */
export class CountingOperation implements Operation<{ note?: string | undefined }> {
  readonly name = 'test.count';
  readonly body = z.object({ note: z.string().optional() });
  readonly answer = z.object({ count: z.number() });
  mayAnswerEarly = false;
  runs: string[] = [];
  revoked: string[] = [];
  outcomes = new Map<string, OperationOutcome>();
  /** What the next runs do before they answer. */
  behaviour: (operationId: string) => Promise<void> = () => Promise.resolve();
  admission: () => Promise<void> = () => Promise.resolve();
  readonly deadlineMs = (): number => 1_000;
  admit(): Promise<void> {
    return this.admission();
  }
  outcomeOf(operationId: string): Promise<OperationOutcome> {
    return Promise.resolve(this.outcomes.get(operationId) ?? { kind: 'not_started' });
  }
  revoke(operationId: string): Promise<void> {
    this.revoked.push(operationId);
    return Promise.resolve();
  }
  async run(operationId: string): Promise<OperationAnswer> {
    this.runs.push(operationId);
    await this.behaviour(operationId);
    const answer = { status: 200, body: { count: this.runs.length, operationId } };
    this.outcomes.set(operationId, { kind: 'done', answer });
    return answer;
  }
}

export interface PayOptions {
  readonly version?: 1 | 2;
  readonly body?: string;
  readonly path?: string;
  readonly priceAtomic?: bigint;
}

export interface ExpectedBooks {
  /** Items that the case is about; there is no other. */
  readonly left?: readonly LeftItem[];
  /** What the settlement keys spent behind our back. */
  readonly spentOutsideWei?: bigint;
}

export interface StoredRow {
  readonly batch_id: string;
  readonly signer: string;
  readonly evm_nonce: number;
  readonly replacement: number;
  readonly state: string;
  readonly transaction_hash: Hex;
  readonly payments: number;
  readonly fee_wei: string | null;
}

/** Payments on a real database and a real chain, with a gateway side (`pay`) and a worker side (`startSettler`). */
export class PaymentsHarness {
  readonly operation = new CountingOperation();
  readonly problems: string[] = [];
  private readonly runners: SettlementRunner[] = [];
  private requests = 0;
  /** A facilitator that settles in place of the signing keys. */
  remote: RemoteSettlement | null = null;

  private constructor(
    readonly config: Config,
    readonly database: TestDatabase,
    readonly chain: Chain,
    /** What payments see of the chain; a test can make it lag. */
    readonly node: LaggingNode,
    /** What a spec looks and changes with, as the owner. */
    readonly pool: Pool,
    /** What the payments work with, as the application. */
    readonly application: Pool,
    readonly store: PaymentsRepository,
    readonly settlements: SettlementRepository,
    readonly signals: PostgresPaymentSignals,
    readonly viemChain: ViemChain,
    readonly verify: VerifyPayment,
    private readonly rpc: JsonRpc,
  ) {}

  static async start(overrides: Record<string, string> = {}): Promise<PaymentsHarness> {
    const [database, chain] = await Promise.all([testDatabase(), testChain()]);
    const node = await LaggingNode.start(chain.rpcUrl);
    const config = loadConfig({
      DATABASE_URL: database.applicationUrl,
      RPC_URL: node.url,
      PAY_TO,
      SETTLEMENT_PRIVATE_KEY: SETTLEMENT_KEY,
      SETTLEMENT_CONFIRM_WAIT_MS: '20000',
      SETTLEMENT_POLL_MS: '50',
      SETTLEMENT_LEASE_MS: '2000',
      SETTLEMENT_DROP_AFTER_MS: '300',
      SETTLEMENT_REBROADCAST_MS: '300',
      SETTLEMENT_REORG_CHECK_MS: '200',
      CLAIM_LEASE_MS: '1000',
      ...overrides,
    });
    const pool = new Pool({ connectionString: database.url, max: 4 });
    const application = new Pool({ connectionString: database.applicationUrl, max: 20 });
    const signals = new PostgresPaymentSignals(database.applicationUrl, () => undefined);
    await signals.start();
    const viemChain = new ViemChain({
      network: NETWORK,
      rpcUrl: node.url,
      timeoutMs: 5_000,
      eip1271GasCap: 300_000n,
      nowMs: () => Date.now(),
    });
    const verify = new VerifyPayment(NETWORK, viemChain, await loadSignatureRecovery());
    const store = new PaymentsRepository(application, new Journal(NETWORK.caip2));
    return new PaymentsHarness(
      config,
      database,
      chain,
      node,
      pool,
      application,
      store,
      new SettlementRepository(application, NETWORK.caip2, new Journal(NETWORK.caip2)),
      signals,
      viemChain,
      verify,
      new JsonRpc(node.url, 5_000),
    );
  }

  /** A wallet with this much USDC. */
  async payer(balanceAtomic: bigint, index = 1): Promise<PrivateKeyAccount> {
    const account = privateKeyToAccount(devPrivateKey(index));
    await this.chain.mint(account.address, balanceAtomic);
    return account;
  }

  /** A payment header of this wallet. */
  async header(
    payer: PrivateKeyAccount,
    options: Partial<SignOptions> & { version?: 1 | 2; paymentIdentifier?: string } = {},
  ): Promise<string> {
    const { authorization, signature } = await signAuthorization({
      network: NETWORK,
      payer,
      payTo: PAY_TO,
      amountAtomic: PRICE_ATOMIC,
      ...options,
    });
    if (options.version === 1) return v1Header(NETWORK, authorization, signature);
    return v2Header(NETWORK, authorization, signature, authorization.valueAtomic, options.paymentIdentifier);
  }

  /** What a gateway does with this header; `gateway` names the process, so that two can be told apart. */
  async pay(header: string, options: PayOptions = {}, gateway = 'gateway-1'): Promise<PaidOutcome> {
    const decoded = decodePaymentHeader(header);
    if (decoded.kind !== 'payment') throw new Error(`not a payment: ${decoded.kind}`);
    const path = options.path ?? '/test/count';
    return this.gateway(gateway).pay({
      operation: this.operation,
      body: {},
      rawBody: Buffer.from(options.body ?? '{}'),
      method: 'POST',
      path,
      requestId: `request-${++this.requests}`,
      payload: decoded.payload,
      terms: {
        operation: this.operation.name,
        network: NETWORK,
        payTo: PAY_TO,
        priceAtomic: options.priceAtomic ?? PRICE_ATOMIC,
        feeAtomic: 0n,
        priceListVersion: 1,
        maxTimeoutSeconds: 300,
        resourceUrl: `http://seller.example${path}`,
        description: 'count',
      },
      run: ({ operationId }) => this.operation.run(operationId),
    });
  }

  gateway(leaseHolder: string): PayForOperation {
    const { config } = this;
    const conclude = new ConcludeClaim(this.store, config.ANSWER_RETENTION_MS);
    const recover = this.recoverAs(leaseHolder);
    const limits = {
      leaseHolder,
      leaseMs: config.CLAIM_LEASE_MS,
      maxInFlightPerPayer: config.MAX_IN_FLIGHT_PAYMENTS_PER_PAYER,
      maxRefusedPerPayerPerHour: config.MAX_REFUSED_PAYMENTS_PER_PAYER_PER_HOUR,
      optimisticCapPerPayerAtomic: config.OPTIMISTIC_CAP_PER_PAYER_ATOMIC,
      optimisticCapTotalAtomic: config.OPTIMISTIC_CAP_TOTAL_ATOMIC,
    };
    const onProblem = (error: unknown, what: string) => void this.problems.push(`${what}: ${String(error)}`);
    return new PayForOperation(
      this.store,
      this.verify,
      new ClaimPayment(this.store, this.viemChain, this.payerCodeGas(), limits),
      new ExecuteClaim(
        this.store,
        conclude,
        { reached: () => undefined },
        { leaseHolder, leaseMs: config.CLAIM_LEASE_MS, onProblem },
      ),
      new AwaitOutcome(this.store, this.signals, recover, config.SETTLEMENT_CONFIRM_WAIT_MS),
      {
        houseWallets: [privateKeyToAccount(SETTLEMENT_KEY).address.toLowerCase() as Hex],
        answersEarly: config.SETTLEMENT_MODE === 'auto',
      },
    );
  }

  private payerCodeGas(): PostgresPayerCodeGas {
    return new PostgresPayerCodeGas(this.application, NETWORK.caip2, payerCodeGasLimits(this.config));
  }

  recoverAs(leaseHolder: string): RecoverClaim {
    const conclude = new ConcludeClaim(this.store, this.config.ANSWER_RETENTION_MS);
    return new RecoverClaim(this.store, conclude, new OperationRegistry([this.operation]), leaseHolder);
  }

  /** The settlement keys, as a worker has them. */
  wallets(): RpcSettlementWallet[] {
    return (this.config.SETTLEMENT_PRIVATE_KEY ?? []).map(
      (key) => new RpcSettlementWallet(this.rpc, NETWORK, key, settlementGas(this.config)),
    );
  }

  startSettler(name = 'worker-1'): SettlementRunner {
    const runner = new SettlementRunner({
      config: this.config,
      payments: this.store,
      store: this.settlements,
      chain: this.viemChain,
      payerCodeGas: this.payerCodeGas(),
      wallets: this.wallets(),
      remote: this.remote,
      signals: this.signals,
      recover: this.recoverAs(name),
      operations: new OperationRegistry([this.operation]),
      phases: { reached: () => undefined },
      leaseHolder: name,
      onProblem: (error, what) => void this.problems.push(`${what}: ${String(error)}`),
    });
    runner.onApplicationBootstrap();
    this.runners.push(runner);
    return runner;
  }

  async stopSettler(): Promise<void> {
    await Promise.all(this.runners.splice(0).map((runner) => runner.beforeApplicationShutdown()));
  }

  async states(): Promise<Record<string, number>> {
    const { rows } = await this.pool.query<{ state: string; count: string }>(
      'SELECT state, count(*) FROM payments GROUP BY state',
    );
    return Object.fromEntries(rows.map((row) => [row.state, Number(row.count)]));
  }

  async settledAtomic(): Promise<bigint> {
    const { rows } = await this.pool.query<{ sum: string | null }>(
      `SELECT sum(amount_atomic) FROM payments WHERE state = 'settled'`,
    );
    return BigInt(rows[0]?.sum ?? 0);
  }

  async eventKinds(): Promise<string[]> {
    const { rows } = await this.pool.query<{ kind: string }>('SELECT kind FROM payment_events ORDER BY id');
    return rows.map((row) => row.kind);
  }

  /** Debits less credits of every account that is not level, in the account's unit. */
  async balances(): Promise<Record<string, bigint>> {
    const { rows } = await this.pool.query<{ code: string; balance: string }>(
      `SELECT code, sum(amount)::text AS balance FROM (
         SELECT debit_account AS account, amount FROM journal UNION ALL SELECT credit_account, -amount FROM journal
       ) AS moved JOIN ledger_accounts ON ledger_accounts.id = account GROUP BY code HAVING sum(amount) <> 0`,
    );
    return Object.fromEntries(rows.map(({ code, balance }) => [code, BigInt(balance)]));
  }

  /** Settlement transactions in the order of nonce and replacement. */
  async transactions(): Promise<StoredRow[]> {
    const { rows } = await this.pool.query<StoredRow>(
      `SELECT batch_id, signer, evm_nonce::int, replacement, state, transaction_hash, cardinality(payment_ids) AS payments, fee_wei::text
       FROM settlement_transactions ORDER BY evm_nonce, replacement, stored_at`,
    );
    return rows;
  }

  /** What reconciliation looks at: the chain itself, whatever the node in front of it says. */
  private get books() {
    const keys = this.remote === null ? (this.config.SETTLEMENT_PRIVATE_KEY ?? []) : [];
    return { rpcUrl: this.chain.rpcUrl, payTo: PAY_TO, gasWallets: keys.map((key) => addressOf(key)) };
  }

  /**
   * Ends a fault case: waits until nothing is under way, stops the settlers and reconciles. `journal` has the exact
   * bookings of each payment, in any order of the payments.
   */
  async expectBooks(journal: readonly (readonly string[])[], expected: ExpectedBooks = {}): Promise<void> {
    await eventually('every transaction has its end', async () =>
      (await this.transactions()).every(({ state }) => state !== 'stored' && state !== 'sent'),
    );
    await this.stopSettler();
    const { rows } = await this.pool.query<{ id: string }>('SELECT id FROM payments');
    const booked = await Promise.all(rows.map(({ id }) => entriesOf(this.pool, id)));
    expect(inOrder(booked)).toEqual(inOrder(journal));
    await this.expectCleanBooks(expected);
  }

  /** Reconciles, and compares what the keys hold with what the chain gave them and what the books say they spent. */
  async expectCleanBooks({ left = [], spentOutsideWei = 0n }: ExpectedBooks = {}): Promise<void> {
    const { books } = this;
    await expectCleanBooks(this.application, books, left);
    const { rows } = await this.pool.query<{ amount: string }>(`SELECT amount FROM journal WHERE event = 'gas_opening'`);
    const given = GENESIS_WEI * BigInt(books.gasWallets.length) - spentOutsideWei;
    expect(rows).toEqual(given === 0n ? [] : [{ amount: given.toString() }]);
  }

  async stop(): Promise<void> {
    await this.stopSettler();
    await this.signals.close();
    await Promise.all([this.pool.end(), this.application.end()]);
    this.rpc.close();
    await this.node.stop();
    await Promise.all([this.chain.stop(), this.database.drop()]);
  }
}

export const refuse = (code: ConstructorParameters<typeof TollboxError>[0]) => () => Promise.reject(new TollboxError(code));

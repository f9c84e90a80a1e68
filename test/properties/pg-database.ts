import { Pool } from 'pg';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import type { PaymentStore } from '@tollbox/payments/application/ports/payment-store';
import type { SettlementStore } from '@tollbox/payments/application/ports/settlement-store';
import type { Payment } from '@tollbox/payments/domain/payment';
import { PaymentsRepository } from '@tollbox/payments/infrastructure/payments.repository';
import { SettlementRepository } from '@tollbox/payments/infrastructure/settlement.repository';
import { testDatabase, type TestDatabase } from '../support/stack';
import type { BatchView, Database, DatabaseView, PaymentView } from './database';
import { NETWORK } from './scenario';

/** The clock of a run goes in steps of this; what passes meanwhile in reality is left out of ages. */
const CLOCK_STEP_MS = 10_000;
/** A call that waits for a lock that the interleaver does not know of fails. */
const STATEMENT_TIMEOUT_MS = 10_000;
const inSteps = (ms: number): number => Math.floor(ms / CLOCK_STEP_MS) * CLOCK_STEP_MS;

/** Made once a database, and kept: which accounts there are is learned by the journal. */
const KEPT_TABLES = ['_prisma_migrations', 'installation', 'ledger_accounts', 'price_lists', 'price_list_activations'];

const PAYMENTS = `SELECT p.payer || ':' || p.nonce AS key, p.state, p.attempt, p.round, p.settlement_mode, p.operation_id, p.amount_atomic,
    p.price_atomic, p.operation, p.transaction_hash,
    (SELECT count(*)::int FROM journal j JOIN ledger_accounts a ON a.id = j.credit_account
      WHERE j.subject = p.id AND j.event = 'executed' AND a.code <> 'credits') AS earned_times,
    coalesce((SELECT json_object_agg(code, balance) FROM (
      SELECT a.code, sum(CASE WHEN a.id = j.debit_account THEN j.amount ELSE -j.amount END)::text AS balance
      FROM journal j JOIN ledger_accounts a ON a.id IN (j.debit_account, j.credit_account)
      WHERE j.subject = p.id AND a.asset = 'USDC' GROUP BY a.code
      HAVING sum(CASE WHEN a.id = j.debit_account THEN j.amount ELSE -j.amount END) <> 0) AS books), '{}'::json) AS books
  FROM payments p ORDER BY key`;

const BATCHES = `SELECT t.batch_id, min(t.signer) AS signer, min(t.evm_nonce)::text AS evm_nonce,
    bool_or(t.state IN ('stored', 'sent')) AS is_open, bool_or(t.state IN ('stored', 'sent', 'succeeded', 'reverted')) AS is_alive,
    max(t.mined_count) > 0 AS was_mined,
    (SELECT array_agg(p.payer || ':' || p.nonce ORDER BY carried.place)
      FROM settlement_transactions batch, unnest(batch.payment_ids) WITH ORDINALITY AS carried (id, place)
      JOIN payments p ON p.id = carried.id WHERE batch.id = t.batch_id) AS payments
  FROM settlement_transactions t GROUP BY t.batch_id ORDER BY signer, evm_nonce, min(t.stored_at)`;

const GAS = `SELECT a.code, sum(CASE WHEN a.id = j.debit_account THEN j.amount ELSE -j.amount END)::text AS balance
  FROM journal j JOIN ledger_accounts a ON a.id IN (j.debit_account, j.credit_account) WHERE a.asset = 'ETH' GROUP BY a.code`;

/** The product's repositories on a real PostgreSQL. */
export class PgDatabase implements Database {
  readonly payments: PaymentStore;
  readonly settlements: SettlementStore;

  private constructor(
    private readonly database: TestDatabase,
    private readonly pool: Pool,
  ) {
    const journal = new Journal(NETWORK.caip2);
    this.payments = inOrder(new PaymentsRepository(pool, journal), ['listToRevoke', 'listExpiredClaims']);
    const settlements = new SettlementRepository(pool, NETWORK.caip2, journal);
    this.settlements = inOrder(withSteppedAges(settlements), ['openPaymentsOf']);
  }

  static async start(): Promise<PgDatabase> {
    const database = await testDatabase();
    return new PgDatabase(
      database,
      new Pool({ connectionString: database.url, max: 12, statement_timeout: STATEMENT_TIMEOUT_MS }),
    );
  }

  /** As the owner, whom no trigger stops. */
  private async asOwner(statement: string): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query(`BEGIN; SET LOCAL session_replication_role = replica; ${statement}; COMMIT`);
    } finally {
      client.release();
    }
  }

  async empty(): Promise<void> {
    const { rows } = await this.pool.query<{ name: string }>(
      `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL ($1::text[])`,
      [KEPT_TABLES],
    );
    await this.asOwner(`TRUNCATE ${rows.map(({ name }) => name).join(', ')}`);
  }

  async advance(ms: number): Promise<void> {
    const back = `interval '${ms} ms'`;
    const free = (table: string, key: string) => `${key} IN (SELECT ${key} FROM ${table} FOR UPDATE SKIP LOCKED)`;
    await this
      .asOwner(`UPDATE payments SET lease_expires_at = lease_expires_at - ${back}, queued_at = queued_at - ${back} WHERE ${free('payments', 'id')};
      UPDATE leases SET expires_at = expires_at - ${back} WHERE ${free('leases', 'name')};
      UPDATE settlement_transactions SET stored_at = stored_at - ${back}, resolved_at = resolved_at - ${back}`);
  }

  version(): null {
    return null;
  }

  async view(): Promise<DatabaseView> {
    const [payments, batches, gas] = await Promise.all([
      this.pool.query<Record<string, never>>({ name: 'view.payments', text: PAYMENTS }),
      this.pool.query<Record<string, never>>({ name: 'view.batches', text: BATCHES }),
      this.pool.query<{ code: string; balance: string }>({ name: 'view.gas', text: GAS }),
    ]);
    const wei = new Map(gas.rows.map(({ code, balance }) => [code, BigInt(balance)]));
    return {
      payments: payments.rows.map(toPaymentView),
      batches: batches.rows.map(toBatchView),
      gasWei: { expense: wei.get('gas_expense') ?? 0n, wallet: wei.get('gas_wallet') ?? 0n },
    };
  }

  async stop(): Promise<void> {
    await this.pool.end();
    await this.database.drop();
  }
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a row of the statement above
function toPaymentView(row: Record<string, any>): PaymentView {
  return {
    key: row['key'],
    state: row['state'],
    attempt: row['attempt'],
    round: row['round'],
    settlementMode: row['settlement_mode'],
    operationId: row['operation_id'],
    amountAtomic: BigInt(row['amount_atomic'] as string),
    priceAtomic: BigInt(row['price_atomic'] as string),
    operation: row['operation'],
    transactionHash: row['transaction_hash'],
    books: Object.fromEntries(Object.entries(row['books'] as Record<string, string>).map(([code, text]) => [code, BigInt(text)])),
    earnedTimes: row['earned_times'],
  };
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a row of the statement above
function toBatchView(row: Record<string, any>): BatchView {
  return {
    signer: row['signer'],
    evmNonce: BigInt(row['evm_nonce'] as string),
    isOpen: row['is_open'],
    isAlive: row['is_alive'],
    wasMined: row['was_mined'],
    payments: row['payments'] ?? [],
  };
}

/** Rows made at one moment have no order of their own; the model's is by nonce. */
function inOrder<Store extends object>(store: Store, methods: readonly string[]): Store {
  return new Proxy(store, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== 'function') return member;
      if (!methods.includes(String(key))) return member.bind(target) as unknown;
      return async (...args: unknown[]) => {
        const payments = (await (member.apply(target, args) as Promise<readonly Payment[]>)).slice();
        return payments.sort((one, other) => one.key.nonce.localeCompare(other.key.nonce));
      };
    },
  });
}

function withSteppedAges(store: SettlementRepository): SettlementStore {
  const stepped = (batches: Awaited<ReturnType<SettlementStore['listOpen']>>) =>
    batches.map((batch) => ({ ...batch, bytes: batch.bytes.map((bytes) => ({ ...bytes, ageMs: inSteps(bytes.ageMs) })) }));
  const changed: Pick<SettlementStore, 'listOpen' | 'listDropped' | 'takeQueued'> = {
    listOpen: async (signer) => stepped(await store.listOpen(signer)),
    listDropped: async (signer, withinMs) => stepped(await store.listDropped(signer, withinMs)),
    takeQueued: (selection, work) =>
      store.takeQueued(selection, (payments, storeBatch) =>
        work(
          payments.map((payment) => ({ ...payment, queuedForMs: inSteps(payment.queuedForMs) })),
          storeBatch,
        ),
      ),
  };
  return new Proxy(store, {
    get: (target, key) => {
      if (key in changed) return Reflect.get(changed, key) as unknown;
      const member: unknown = Reflect.get(target, key);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

import { Client, Pool } from 'pg';
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
/** Deleted rows are swept out of the files after this many runs, before looking past them costs something. */
const RUNS_BETWEEN_SWEEPS = 10;
/** No run outlives its server, and what was planned for a few rows is good for the next few. */
const SETTINGS = '-c synchronous_commit=off -c plan_cache_mode=force_generic_plan';

const PAYMENTS = `SELECT p.payer || ':' || p.nonce AS key, p.state, p.attempt, p.round, p.settlement_mode, p.operation_id, p.amount_atomic::text,
    p.price_atomic::text, p.operation, p.transaction_hash,
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

const VIEW = `SELECT
  (SELECT coalesce(json_agg(payment), '[]') FROM (${PAYMENTS}) AS payment) AS payments,
  (SELECT coalesce(json_agg(batch), '[]') FROM (${BATCHES}) AS batch) AS batches,
  (SELECT coalesce(json_object_agg(code, balance), '{}') FROM (${GAS}) AS gas) AS gas`;

/** Lets time pass for rows that nobody holds. */
const ADVANCE = `WITH freed AS (SELECT id FROM payments FOR UPDATE SKIP LOCKED), left_free AS (SELECT name FROM leases FOR UPDATE SKIP LOCKED),
  paid AS (UPDATE payments SET lease_expires_at = lease_expires_at - $1::interval, queued_at = queued_at - $1::interval
    FROM freed WHERE payments.id = freed.id),
  leased AS (UPDATE leases SET expires_at = expires_at - $1::interval FROM left_free WHERE leases.name = left_free.name)
  UPDATE settlement_transactions SET stored_at = stored_at - $1::interval, resolved_at = resolved_at - $1::interval`;

/** Counts the statements that may change something. */
class Statements {
  count = 0;

  clientClass(): typeof Client {
    const note = (first: unknown): void => {
      const text = typeof first === 'string' ? first : (first as { text?: string }).text;
      if (text === undefined || !/^\s*SELECT/.test(text)) this.count += 1;
    };
    return class extends Client {
      override query = ((...args: Parameters<Client['query']>): unknown => {
        note(args[0]);
        return Client.prototype.query.apply(this, args);
      }) as Client['query'];
    };
  }
}

interface ViewRow {
  readonly payments: readonly Record<string, never>[];
  readonly batches: readonly Record<string, never>[];
  readonly gas: Readonly<Record<string, string>>;
}

/** The product's repositories on a real PostgreSQL. */
export class PgDatabase implements Database {
  readonly payments: PaymentStore;
  readonly settlements: SettlementStore;
  private runs = 0;
  /** How far the clock of the run was moved. */
  passedMs = 0;
  private seen: DatabaseView | null = null;
  private seenAt = -1;

  private constructor(
    private readonly database: TestDatabase,
    private readonly pool: Pool,
    private readonly statements: Statements,
    /** The connection of the run itself: as the owner, whom no trigger stops. */
    private readonly owner: Client,
    private readonly tables: readonly string[],
  ) {
    const journal = new Journal(NETWORK.caip2);
    this.payments = inOrder(new PaymentsRepository(pool, journal), ['listToRevoke', 'listExpiredClaims']);
    const settlements = new SettlementRepository(pool, NETWORK.caip2, journal);
    this.settlements = inOrder(withSteppedAges(settlements, this), ['openPaymentsOf']);
  }

  static async start(): Promise<PgDatabase> {
    const database = await testDatabase();
    const statements = new Statements();
    const common = { connectionString: database.url, statement_timeout: STATEMENT_TIMEOUT_MS };
    const owner = new Client({ ...common, options: `${SETTINGS} -c session_replication_role=replica` });
    await owner.connect();
    const { rows } = await owner.query<{ name: string }>(
      `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL ($1::text[])`,
      [KEPT_TABLES],
    );
    const pool = new Pool({ ...common, options: SETTINGS, max: 12, Client: statements.clientClass() });
    return new PgDatabase(
      database,
      pool,
      statements,
      owner,
      rows.map(({ name }) => name),
    );
  }

  /** Most tables are never written to here: only what has rows is emptied. */
  async empty(): Promise<void> {
    const looks = this.tables.map((name) => `SELECT '${name}' AS name WHERE EXISTS (SELECT FROM ${name})`);
    const filled = await this.owner.query<{ name: string }>({ name: 'filled', text: looks.join(' UNION ALL ') });
    const names = filled.rows.map(({ name }) => name);
    if (names.length > 0) await this.owner.query(names.map((name) => `DELETE FROM ${name}`).join('; '));
    if (names.length > 0 && ++this.runs % RUNS_BETWEEN_SWEEPS === 0) await this.owner.query(`VACUUM ${names.join(', ')}`);
    this.seen = null;
  }

  async advance(ms: number): Promise<void> {
    this.passedMs += ms;
    await this.owner.query({ name: 'advance', text: ADVANCE, values: [`${ms} ms`] });
  }

  /** For a batch whose rows could not be seen while the clock was moved. */
  async age(batchId: string, ms: number): Promise<void> {
    const text = 'UPDATE settlement_transactions SET stored_at = stored_at - $2::interval WHERE batch_id = $1';
    if (ms > 0) await this.owner.query({ name: 'age', text, values: [batchId, `${ms} ms`] });
  }

  version(): number {
    return this.statements.count;
  }

  async view(): Promise<DatabaseView> {
    if (this.seen !== null && this.seenAt === this.statements.count) return this.seen;
    this.seenAt = this.statements.count;
    const { rows } = await this.owner.query<ViewRow>({ name: 'view', text: VIEW });
    const { payments = [], batches = [], gas = {} } = rows[0] ?? {};
    this.seen = {
      payments: payments.map(toPaymentView),
      batches: batches.map(toBatchView),
      gasWei: { expense: BigInt(gas['gas_expense'] ?? 0), wallet: BigInt(gas['gas_wallet'] ?? 0) },
    };
    return this.seen;
  }

  async stop(): Promise<void> {
    await this.pool.end();
    await this.owner.end();
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

function withSteppedAges(store: SettlementRepository, time: Pick<PgDatabase, 'passedMs' | 'age'>): SettlementStore {
  const stepped = (batches: Awaited<ReturnType<SettlementStore['listOpen']>>) =>
    batches.map((batch) => ({ ...batch, bytes: batch.bytes.map((bytes) => ({ ...bytes, ageMs: inSteps(bytes.ageMs) })) }));
  const changed: Pick<SettlementStore, 'listOpen' | 'listDropped' | 'takeQueued'> = {
    listOpen: async (signer) => stepped(await store.listOpen(signer)),
    listDropped: async (signer, withinMs) => stepped(await store.listDropped(signer, withinMs)),
    takeQueued: async (selection, work) => {
      let stored: { readonly batchId: string; readonly atMs: number } | null = null;
      const result = await store.takeQueued(selection, (payments, storeBatch) =>
        work(
          payments.map((payment) => ({ ...payment, queuedForMs: inSteps(payment.queuedForMs) })),
          async (...args) => {
            const batch = await storeBatch(...args);
            stored = { batchId: batch.id, atMs: time.passedMs };
            return batch;
          },
        ),
      );
      const late = stored as { readonly batchId: string; readonly atMs: number } | null;
      if (late !== null) await time.age(late.batchId, time.passedMs - late.atMs);
      return result;
    },
  };
  return new Proxy(store, {
    get: (target, key) => {
      if (key in changed) return Reflect.get(changed, key) as unknown;
      const member: unknown = Reflect.get(target, key);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import type {
  ClaimLimits,
  ClaimRef,
  ClaimResult,
  FundsAtBlock,
  NewClaim,
} from '@tollbox/payments/application/ports/payment-store';
import { NETWORKS, type Hex } from '@tollbox/payments/domain/networks';
import type { Payment } from '@tollbox/payments/domain/payment';
import { PaymentsRepository } from '@tollbox/payments/infrastructure/payments.repository';
import { PostgresPaymentSignals } from '@tollbox/payments/infrastructure/payment-signals';
import { notifyPaymentsChanged } from '@tollbox/payments/infrastructure/payment-rows';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { randomNonce } from '../support/payments/sign';
import { testDatabase, type TestDatabase } from '../support/stack';

const NETWORK = NETWORKS['base-sepolia'];
const PRICE = 1_000n;
const LIMITS: ClaimLimits = {
  leaseHolder: 'gateway-1',
  leaseMs: 10_000,
  maxInFlightPerPayer: 64,
  maxRefusedPerPayerPerHour: 10,
  optimisticCapPerPayerAtomic: 50_000n,
  optimisticCapTotalAtomic: 1_000_000n,
};
const RICH: FundsAtBlock = { balanceAtomic: 1_000_000n, blockNumber: 1n, spentNonces: [] };
const ANSWER = { status: 200, body: Buffer.from('{"ü":"\\u0000"}'), mediaType: null };

let database: TestDatabase;
let pool: Pool;
let store: PaymentsRepository;
let other: PaymentsRepository;
let payers = 0;

beforeAll(async () => {
  database = await testDatabase();
  pool = new Pool({ connectionString: database.url, max: 20 });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(() => {
  [store, other] = [0, 1].map(() => new PaymentsRepository(pool, new Journal(NETWORK.caip2))) as [
    PaymentsRepository,
    PaymentsRepository,
  ];
});

const newPayer = (): Hex => `0x${(++payers).toString(16).padStart(40, '0')}`;
function claim(payer: Hex, change: Partial<NewClaim> = {}): NewClaim {
  const nonce = change.key?.nonce ?? randomNonce();
  return {
    key: { network: NETWORK.caip2, asset: NETWORK.usdc, payer, nonce },
    operation: 'test.count',
    x402Version: 2,
    authorization: {
      from: payer,
      to: '0x90f79bf6eb2c4f870365e785982e1f101e93b906',
      valueAtomic: PRICE,
      validAfter: 0n,
      validBefore: 9_999_999_999n,
      nonce,
    },
    signature: '0x01',
    payerKind: 'eoa',
    priceAtomic: PRICE,
    feeAtomic: 0n,
    priceListVersion: 1,
    paymentIdentifier: null,
    fingerprint: 'f',
    method: 'POST',
    path: '/',
    bodySha256: 'b',
    mayAnswerEarly: false,
    ...change,
  };
}
const kinds = (results: readonly ClaimResult[]): string[] => results.map(({ kind }) => kind).sort();
const claimed = (result: ClaimResult): Payment => {
  if (result.kind !== 'claimed') throw new Error(result.kind);
  return result.payment;
};
const refOf = ({ id, attempt }: Payment): ClaimRef => ({ paymentId: id, attempt, leaseHolder: LIMITS.leaseHolder });

describe('many claims at once', () => {
  it('are all granted, each as its row says it, in few transactions', async () => {
    const before = await commits();
    const wanted = Array.from({ length: 200 }, () => claim(newPayer()));
    const results = await Promise.all(wanted.map((one) => store.claim(one, RICH, LIMITS)));
    for (const [index, result] of results.entries()) {
      const payment = claimed(result);
      expect(payment.key).toEqual(wanted[index]!.key);
      if (index % 50 === 0) expect(await store.findById(payment.id)).toEqual(payment);
    }
    const { rows } = await pool.query(`SELECT 1 FROM payment_events WHERE payment_id = ANY ($1)`, [
      results.map((result) => claimed(result).id),
    ]);
    expect(rows).toHaveLength(200);
    expect((await commits()) - before).toBeLessThan(60);
  });

  it('of one authorization give one claim, in one process or in two', async () => {
    const twin = claim(newPayer());
    const results = await Promise.all([store, store, store, other, other].map((one) => one.claim(twin, RICH, LIMITS)));
    expect(kinds(results)).toEqual(['claimed', 'existing', 'existing', 'existing', 'existing']);
    expect(new Set(results.map((result) => ('payment' in result ? result.payment.id : ''))).size).toBe(1);
  });

  it('never go beyond a balance, in one process or in two', async () => {
    const payer = newPayer();
    const funds = { ...RICH, balanceAtomic: PRICE * 3n };
    const results = await Promise.all(
      Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? store : other).claim(claim(payer), funds, LIMITS)),
    );
    expect(results.filter(({ kind }) => kind === 'claimed')).toHaveLength(3);
    expect(results.filter(({ kind }) => kind === 'insufficient_funds')).toHaveLength(9);
  });

  it('of many wallets in two processes never wait for each other in a ring', async () => {
    const wallets = Array.from({ length: 20 }, newPayer);
    const order = (reverse: boolean) => (reverse ? [...wallets].reverse() : wallets);
    const results = await Promise.all(
      [false, true].flatMap((reverse) =>
        order(reverse).map((payer) => (reverse ? other : store).claim(claim(payer), RICH, LIMITS)),
      ),
    );
    expect(new Set(kinds(results))).toEqual(new Set(['claimed']));
  });

  it('are not harmed by one that the database refuses', async () => {
    const bad = claim(newPayer(), { path: '/\u0000' });
    const good = Array.from({ length: 6 }, () => claim(newPayer()));
    const settled = await Promise.allSettled(
      [...good.slice(0, 3), bad, ...good.slice(3)].map((one) => store.claim(one, RICH, LIMITS)),
    );
    expect(settled.map(({ status }) => status)).toEqual(
      Array.from({ length: 7 }, (_, index) => (index === 3 ? 'rejected' : 'fulfilled')),
    );
  });

  it('grant a retryable void again, as the next attempt, among others', async () => {
    const twice = claim(newPayer());
    const first = claimed(await store.claim(twice, RICH, LIMITS));
    const verdict = { code: 'provider_unavailable', retryable: true, answer: ANSWER, actor: 'spec' };
    expect(await store.void(refOf(first), verdict)).toBe(true);
    const [again, neighbour] = await Promise.all([twice, claim(newPayer())].map((one) => store.claim(one, RICH, LIMITS)));
    expect(again).toMatchObject({ kind: 'claimed', payment: { id: first.id, attempt: 2, state: 'claimed' } });
    expect(claimed(again!).operationId).not.toBe(first.operationId);
    expect(neighbour!.kind).toBe('claimed');
  });
});

describe('many conclusions at once', () => {
  it('queue what is still held with its answer, its event and its revenue, and say so of each', async () => {
    const payments = (await Promise.all(Array.from({ length: 40 }, () => store.claim(claim(newPayer()), RICH, LIMITS)))).map(
      claimed,
    );
    const lost = payments[7]!;
    await pool.query(`UPDATE payments SET lease_holder = 'somebody else' WHERE id = $1`, [lost.id]);
    const held = await Promise.all(payments.map((payment) => store.complete(refOf(payment), ANSWER, 60_000)));
    expect(held).toEqual(payments.map((payment) => payment !== lost));

    const { rows } = await pool.query<{ state: string; body: Buffer; events: string[]; earned: string | null }>(
      `SELECT state, answer_body AS body, ARRAY(SELECT kind FROM payment_events e WHERE e.payment_id = p.id ORDER BY e.id) AS events,
         (SELECT sum(amount)::text FROM journal j WHERE j.subject = p.id AND j.event = 'executed') AS earned
       FROM payments p WHERE id = ANY ($1)`,
      [payments.filter((payment) => payment !== lost).map(({ id }) => id)],
    );
    expect(rows).toHaveLength(39);
    for (const row of rows) {
      expect(row).toMatchObject({ state: 'queued', events: ['claimed', 'executed'], earned: PRICE.toString() });
      expect(row.body.equals(ANSWER.body)).toBe(true);
    }
    expect(await store.findById(lost.id)).toMatchObject({ state: 'claimed' });
    expect(await store.complete(refOf(payments[0]!), ANSWER, 60_000)).toBe(false);
  });

  it('are read by all who wait with one statement, also when there are more than a notification can name', async () => {
    const payments = (await Promise.all(Array.from({ length: 250 }, () => store.claim(claim(newPayer()), RICH, LIMITS)))).map(
      claimed,
    );
    const signals = new PostgresPaymentSignals(database.url, () => undefined);
    await signals.start();
    try {
      let awake = 0;
      const waiting = payments.map(({ id }) => signals.changed(id, 30_000).then(() => (awake += 1)));
      const stranger = signals.changed(randomUUID(), 200).then(() => awake);
      await inTransaction(pool, (client) =>
        notifyPaymentsChanged(
          client,
          payments.map(({ id }) => id),
        ),
      );
      await Promise.all(waiting);
      expect(await stranger).toBe(250);
    } finally {
      await signals.close();
    }
    const before = await commits();
    const refreshed = await Promise.all(payments.map((payment) => store.refresh(payment)));
    expect(refreshed).toEqual(payments);
    expect((await commits()) - before).toBeLessThan(20);
  });
});

async function commits(): Promise<number> {
  const { rows } = await pool.query<{ n: string }>(`SELECT pg_current_snapshot()::text AS n`);
  return Number(rows[0]!.n.split(':')[1]);
}

import { randomUUID } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { broadcast, executed, gas, settled, type PaymentMoney } from '@tollbox/ledger/domain/postings/payment';
import { Journal } from '@tollbox/ledger/infrastructure/journal';
import { inTransaction } from '@tollbox/platform/database/transaction';
import { uuidV7 } from '@tollbox/platform/database/uuid-v7';
import { quantile } from '../stats';
import { BATCH } from './month';

const NETWORK = 'eip155:84532';
const USDC = '0x036cbd53842c5426634e7929541ec2318f3dcf7e';
const hex = (bytes: number): string =>
  `0x${randomUUID()
    .replaceAll('-', '')
    .repeat(3)
    .slice(0, bytes * 2)}`;

/** Milliseconds of the database for one payment, of the median batch. */
export interface WriteTime {
  readonly claimMs: number;
  readonly completeMs: number;
  readonly broadcastMs: number;
  readonly settleMs: number;
  readonly togetherMs: number;
}

/** With next to nothing in the tables, and with everything. */
export interface WriteGrowth {
  readonly small: WriteTime;
  readonly large: WriteTime;
}

const WARM_UP_BATCHES = 10;

/** The two take turns batch by batch, so that what else happens on the machine meets both. */
export async function compareWrites(small: Pool, large: Pool, batches: number): Promise<WriteGrowth> {
  const contenders = [small, large].map((pool) => ({ pool, journal: new Journal(NETWORK), took: [] as number[][] }));
  for (let n = -WARM_UP_BATCHES; n < batches; n++) {
    for (const { pool, journal, took } of n % 2 === 0 ? contenders : [...contenders].reverse()) {
      const tookMs = await writeBatch(pool, journal);
      if (n >= 0) took.push(tookMs);
    }
  }
  const [ofSmall, ofLarge] = contenders.map(({ took }) => medians(took));
  return { small: ofSmall!, large: ofLarge! };
}

/** Claims, completes, sends and settles 50 payments with the statements' shape of the product: rows, events, entries. */
async function writeBatch(pool: Pool, journal: Journal): Promise<number[]> {
  const payments = Array.from({ length: BATCH }, (_, index) => newPayment(index));
  const transaction = randomUUID();
  const steps = [
    (client: PoolClient) => claim(client, payments),
    (client: PoolClient) => step(client, journal, payments, 'queued', executed),
    async (client: PoolClient) => {
      await storeTransaction(client, transaction, payments);
      await step(client, journal, payments, 'broadcast', broadcast, transaction);
    },
    (client: PoolClient) =>
      step(client, journal, payments, 'settled', (payment) => [
        ...settled(payment, 'in_flight'),
        ...gas(payment, 1, 2_100_000_000_000n),
      ]),
  ];
  const tookMs: number[] = [];
  for (const work of steps) {
    const startedAt = performance.now();
    await inTransaction(pool, work);
    tookMs.push((performance.now() - startedAt) / BATCH);
  }
  return tookMs;
}

function medians(took: readonly (readonly number[])[]): WriteTime {
  const median = (pick: (times: readonly number[]) => number): number =>
    quantile(
      took.map(pick).sort((a, b) => a - b),
      0.5,
    );
  return {
    claimMs: median((times) => times[0]!),
    completeMs: median((times) => times[1]!),
    broadcastMs: median((times) => times[2]!),
    settleMs: median((times) => times[3]!),
    togetherMs: median((times) => times.reduce((sum, time) => sum + time, 0)),
  };
}

function newPayment(index: number): PaymentMoney {
  return {
    id: uuidV7(),
    operation: 'sandbox.exec',
    operationId: uuidV7(),
    wallet: `0x${String(index).padStart(2, '0').repeat(20)}`,
    amountAtomic: 1_000n,
    priceAtomic: 1_000n,
    round: 1,
    settlementMode: 'confirm',
  };
}

async function claim(client: PoolClient, payments: readonly PaymentMoney[]): Promise<void> {
  await client.query(
    `WITH claimed AS (
       INSERT INTO payments (id, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic, price_atomic,
         valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder, lease_expires_at, claimed_at_block)
       SELECT id, $4, $5, wallet, nonce, 'claimed', 'sandbox.exec', operation_id, 2, $5, 1000, 1000, 0, 9999999999, repeat('s', 132), 'eoa', nonce, 'POST',
         '/api/v1/modal/sandbox/exec', nonce, 'confirm', 'bench', now() + interval '10 s', 1
       FROM unnest($1::uuid[], $2::uuid[], $3::text[], $6::text[]) AS row (id, operation_id, wallet, nonce) RETURNING id)
     INSERT INTO payment_events (payment_id, attempt, kind, to_state, actor) SELECT id, 1, 'claimed', 'claimed', 'bench' FROM claimed`,
    [
      payments.map(({ id }) => id),
      payments.map(({ operationId }) => operationId),
      payments.map(({ wallet }) => wallet),
      ...[NETWORK, USDC],
      payments.map(() => hex(32)),
    ],
  );
}

async function storeTransaction(client: PoolClient, id: string, payments: readonly PaymentMoney[]): Promise<void> {
  await client.query(
    `INSERT INTO settlement_transactions (id, batch_id, network, signer, evm_nonce, fence, raw_transaction, transaction_hash, state, payment_ids, payment_rounds)
     SELECT $1, $1, $2, $3, coalesce(max(evm_nonce), 0) + 1, 1, repeat('f', 30000), $4, 'sent', $5, $6 FROM settlement_transactions WHERE signer = $3`,
    [id, NETWORK, `0x${'7'.repeat(40)}`, hex(32), payments.map((payment) => payment.id), payments.map(() => 1)],
  );
}

async function step(
  client: PoolClient,
  journal: Journal,
  payments: readonly PaymentMoney[],
  state: 'queued' | 'broadcast' | 'settled',
  postings: (payment: PaymentMoney) => ReturnType<typeof executed>,
  transaction: string | null = null,
): Promise<void> {
  await client.query(
    `WITH before AS (SELECT id, state FROM payments WHERE id = ANY ($1::uuid[]) FOR UPDATE), changed AS (
       UPDATE payments p SET state = $2, answer_status = 200, answer_expires_at = now() + interval '1 day',
         answer_body = CASE $2 WHEN 'queued' THEN convert_to(repeat('a', 300), 'UTF8') ELSE answer_body END,
         queued_at = coalesce(queued_at, now()), executed_at = coalesce(executed_at, now()), settlement_transaction_id = coalesce($3::uuid, settlement_transaction_id),
         transaction_hash = CASE $2 WHEN 'settled' THEN repeat('t', 66) END, block_number = CASE $2 WHEN 'settled' THEN 1 END,
         settled_at = CASE $2 WHEN 'settled' THEN now() END
       FROM before WHERE p.id = before.id RETURNING p.id, before.state AS from_state)
     INSERT INTO payment_events (payment_id, attempt, kind, from_state, to_state, actor) SELECT id, 1, $2, from_state, $2, 'bench' FROM changed`,
    [payments.map(({ id }) => id), state, transaction],
  );
  await journal.append(client, payments.flatMap(postings));
}

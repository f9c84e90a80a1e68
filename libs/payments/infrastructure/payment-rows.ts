import type { PoolClient } from 'pg';
import type { Payment, PaymentRail } from '../domain/payment';
import type { Caip2, Hex } from '../domain/networks';
import type { PaymentState } from '../domain/payment-state';

/** A row as `pg` gives it: NUMERIC and BIGINT are decimal strings. */
export interface PaymentRow {
  id: string;
  rail: PaymentRail;
  network: string;
  asset: string;
  payer: string;
  nonce: string;
  state: PaymentState;
  attempt: number;
  operation: string;
  operation_id: string;
  x402_version: 1 | 2;
  pay_to: string;
  amount_atomic: string;
  price_atomic: string;
  valid_after: string;
  valid_before: string;
  signature: string;
  payer_kind: 'eoa' | 'contract';
  fingerprint: string;
  lease_holder: string | null;
  lease_expired: boolean;
  answer_expired: boolean;
  void_code: string | null;
  void_retryable: boolean;
  fail_reason: string | null;
  transaction_hash: string | null;
  block_number: string | null;
  block_hash: string | null;
  claimed_at_block: string;
  settlement_transaction_id: string | null;
  settlement_mode: 'confirm' | 'optimistic';
  round: number;
}

/** The columns of PaymentRow, without the answer's bytes: they can be megabytes and few readers want them. Time comparisons use the database's clock, which all processes share. */
export const PAYMENT_COLUMNS = `id, rail, network, asset, payer, nonce, state, attempt, operation, operation_id, x402_version, pay_to,
  amount_atomic, price_atomic, valid_after, valid_before, signature, payer_kind, fingerprint, lease_holder,
  coalesce(lease_expires_at < now(), false) AS lease_expired,
  coalesce(answer_expires_at < now(), false) AS answer_expired, void_code, void_retryable, fail_reason, transaction_hash,
  block_number, block_hash, claimed_at_block, settlement_transaction_id, settlement_mode, round`;

export function toPayment(row: PaymentRow): Payment {
  return {
    id: row.id,
    rail: row.rail,
    key: { network: row.network as Caip2, asset: row.asset as Hex, payer: row.payer as Hex, nonce: row.nonce as Hex },
    state: row.state,
    attempt: row.attempt,
    operation: row.operation,
    operationId: row.operation_id,
    x402Version: row.x402_version,
    authorization: {
      from: row.payer as Hex,
      to: row.pay_to as Hex,
      valueAtomic: BigInt(row.amount_atomic),
      validAfter: BigInt(row.valid_after),
      validBefore: BigInt(row.valid_before),
      nonce: row.nonce as Hex,
    },
    signature: row.signature as Hex,
    payerKind: row.payer_kind,
    priceAtomic: BigInt(row.price_atomic),
    fingerprint: row.fingerprint,
    leaseHolder: row.lease_holder,
    leaseExpired: row.lease_expired,
    answerExpired: row.answer_expired,
    voidCode: row.void_code,
    voidRetryable: row.void_retryable,
    failReason: row.fail_reason,
    transactionHash: row.transaction_hash as Hex | null,
    claimedAtBlock: BigInt(row.claimed_at_block),
    settlementTransactionId: row.settlement_transaction_id,
    settlementMode: row.settlement_mode,
    round: row.round,
  };
}

export interface PaymentEventInput {
  readonly paymentId: string;
  readonly attempt: number;
  readonly kind: string;
  readonly from: PaymentState | null;
  readonly to: PaymentState | null;
  readonly actor: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Appends events in the order given. */
export async function appendPaymentEvents(client: PoolClient, events: readonly PaymentEventInput[]): Promise<void> {
  await client.query({
    name: 'payment_events.append',
    text: `INSERT INTO payment_events (payment_id, attempt, kind, from_state, to_state, actor, detail)
      SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])`,
    values: [
      events.map((event) => event.paymentId),
      events.map((event) => event.attempt),
      events.map((event) => event.kind),
      events.map((event) => event.from),
      events.map((event) => event.to),
      events.map((event) => event.actor),
      events.map((event) => JSON.stringify(event.detail ?? {})),
    ],
  });
}

export function appendPaymentEvent(client: PoolClient, event: PaymentEventInput): Promise<void> {
  return appendPaymentEvents(client, [event]);
}

/** Channels of NOTIFY; both are hints, sent with the transaction that they tell about. Payloads of the first are ids, with commas. */
export const PAYMENT_CHANNEL = 'tollbox_payment';
export const QUEUE_CHANNEL = 'tollbox_queue';

/** A payload of NOTIFY has to be shorter than 8000 bytes; an id and its comma take 37. */
const IDS_PER_NOTIFICATION = 200;

/** One notification for many payments. */
export async function notifyPaymentsChanged(client: PoolClient, paymentIds: readonly string[]): Promise<void> {
  if (paymentIds.length === 0) return;
  const payloads = [];
  for (let start = 0; start < paymentIds.length; start += IDS_PER_NOTIFICATION)
    payloads.push(paymentIds.slice(start, start + IDS_PER_NOTIFICATION).join(','));
  await client.query({
    name: 'payments.notify',
    text: 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload',
    values: [PAYMENT_CHANNEL, payloads],
  });
}

export function notifyPaymentChanged(client: PoolClient, paymentId: string): Promise<void> {
  return notifyPaymentsChanged(client, [paymentId]);
}

/** Tells the settlers that something is queued; many of one transaction become one. */
export async function notifyQueued(client: PoolClient): Promise<void> {
  await client.query({ name: 'payments.notify_queued', text: 'SELECT pg_notify($1, $2)', values: [QUEUE_CHANNEL, ''] });
}

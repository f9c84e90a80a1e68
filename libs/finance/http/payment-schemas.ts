import { z } from 'zod';
import { cursorInstant, cursorOf } from '@tollbox/platform/http/cursor';
import { instantParameter, limitParameter, transactionParameter, walletParameter } from '@tollbox/platform/http/query-parameters';
import { PAYMENT_STATES } from '@tollbox/payments/domain/payment-state';
import type { TotalsOfFilter } from '../application/ports/payments-read-model';
import { atomic, operationParameter, time } from './query-parts';

/** A place in the list: when the payment was claimed, and its id. */
export const paymentCursor = cursorOf(z.tuple([cursorInstant, z.uuid()]));

/** Query of GET /finance/payments. Unknown parameters are refused: a misspelt filter must not look like a full list. */
export const paymentsQuery = z.strictObject({
  wallet: walletParameter('Wallet that paid.'),
  state: z.enum(PAYMENT_STATES).optional().describe('State now.'),
  operation: operationParameter,
  operation_id: z.uuid().optional().describe('Id of the operation that was bought.'),
  transaction: transactionParameter('Transaction that settled it.'),
  from: instantParameter('Claimed at or after this time (ISO 8601).'),
  to: instantParameter('Claimed before this time (ISO 8601).'),
  limit: limitParameter('Payments'),
  cursor: paymentCursor.parameter,
});

const totals = z.object({ count: z.number().int(), amount_atomic: atomic, price_atomic: atomic });

const paymentRecord = z.object({
  id: z.uuid(),
  state: z.enum(PAYMENT_STATES),
  attempt: z.number().int(),
  operation: z.string(),
  operation_id: z.uuid(),
  payer: z.string(),
  pay_to: z.string(),
  network: z.string(),
  asset: z.string(),
  nonce: z.string(),
  amount_atomic: atomic.describe('What the authorization pays.'),
  price_atomic: atomic.describe('What the operation cost.'),
  fee_atomic: atomic.describe('Transaction fee within the price.'),
  price_list_version: z.number().int().nullable().describe('Price list that the price is from; see /finance/price-lists.'),
  x402_version: z.number().int(),
  settlement_mode: z.string(),
  answer_status: z.number().int().nullable(),
  void_code: z.string().nullable(),
  fail_reason: z.string().nullable(),
  transaction_hash: z.string().nullable(),
  block_number: z.string().nullable(),
  claimed_at: time,
  executed_at: time.nullable(),
  settled_at: time.nullable(),
});

/** Answer of GET /finance/payments. */
export const paymentsAnswer = z.object({
  payments: z.array(paymentRecord),
  next_cursor: z.string().nullable(),
  totals: totals
    .extend({ by_state: z.record(z.string(), totals) })
    .nullable()
    .describe(
      'Over everything the filter matches; null when that is more than FINANCE_TOTALS_MAX_PAYMENTS: narrow the filter, or take an export.',
    ),
});

const event = z.object({
  id: z.string(),
  attempt: z.number().int(),
  kind: z.string(),
  from_state: z.string().nullable(),
  to_state: z.string().nullable(),
  actor: z.string(),
  detail: z.unknown(),
  at: time,
});

const settlement = z.object({
  id: z.uuid(),
  state: z.string(),
  signer: z.string(),
  evm_nonce: z.string(),
  transaction_hash: z.string(),
  block_number: z.string().nullable(),
  block_hash: z.string().nullable(),
  gas_used: z.string().nullable(),
  effective_gas_price_wei: z.string().nullable(),
  stored_at: time,
  sent_at: time.nullable(),
  resolved_at: time.nullable(),
});

/** Answer of GET /finance/payments/{id}. */
export const paymentAnswer = paymentRecord.extend({
  valid_after: z.string(),
  valid_before: z.string(),
  payer_kind: z.string(),
  method: z.string(),
  path: z.string(),
  body_sha256: z.string(),
  events: z.array(event).describe('Oldest first.'),
  settlement: settlement.nullable(),
  work: z.object({ sandbox_id: z.string().nullable(), execution_id: z.string().nullable() }).describe('What the payment bought.'),
});

export type PaymentsAnswer = z.output<typeof paymentsAnswer>;

export function toTotalsAnswer(totals: TotalsOfFilter | null): PaymentsAnswer['totals'] {
  if (totals === null) return null;
  const { byState, ...all } = totals;
  return { ...all, by_state: { ...byState } };
}

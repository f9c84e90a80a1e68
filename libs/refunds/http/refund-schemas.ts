import { z } from 'zod';
import { REFUND_KINDS, REFUND_STATES } from '../domain/refund';

const MAX_LIMIT = 200;

export const refundBody = z.strictObject({
  payment_id: z.uuid().describe('The payment that is given back. It goes to the wallet that paid, and to no other.'),
  amount: z
    .string()
    .regex(/^[1-9][0-9]{0,30}$/, 'a positive whole number of atomic USDC units, as text')
    .describe('Atomic USDC (1 USDC = 1000000), as a decimal text. All refunds of a payment together are at most its price.'),
  kind: z
    .enum(REFUND_KINDS)
    .describe('`onchain`: a USDC transfer of the refund wallet. `credit`: prepaid credit of the wallet, at once.'),
  reason: z.string().trim().min(3).max(500).describe('Why, for the audit log.'),
  idempotency_key: z
    .string()
    .min(8)
    .max(128)
    .optional()
    .describe('Repeating the request with the same key of yours requests nothing new.'),
});

export const rejectionBody = z.strictObject({
  reason: z.string().trim().min(3).max(500).describe('Why, for the audit log.'),
});

export const refundsQuery = z.strictObject({
  state: z.enum(REFUND_STATES).optional().describe('State now.'),
  kind: z.enum(REFUND_KINDS).optional().describe('How it is given back.'),
  payment_id: z.uuid().optional().describe('Refunds of this payment.'),
  wallet: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/, 'an EVM address: 0x and 40 hex digits')
    .transform((text) => text.toLowerCase())
    .optional()
    .describe('Refunds to this wallet.'),
  limit: z
    .string()
    .regex(/^[0-9]{1,4}$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().int().min(1).max(MAX_LIMIT))
    .default(50)
    .describe(`Refunds on a page: 1 to ${MAX_LIMIT}, 50 by default.`),
  cursor: z.string().max(200).optional().describe('`next_cursor` of the page before.'),
});

const time = z.iso.datetime();
const refundRecord = z.object({
  id: z.uuid(),
  payment_id: z.uuid(),
  operation_id: z.uuid(),
  wallet: z.string(),
  amount_atomic: z.string().regex(/^[0-9]+$/),
  kind: z.enum(REFUND_KINDS),
  reason: z.string(),
  state: z.enum(REFUND_STATES),
  needs_second_key: z.boolean(),
  requested_by: z.uuid().describe('Id of the staff key.'),
  approved_by: z.uuid().nullable().describe('Id of the second key; null while there is none, or when none was needed.'),
  rejected_by: z.uuid().nullable(),
  rejection_reason: z.string().nullable(),
  waiting_reason: z.string().nullable().describe('Why a queued refund is not sent yet.'),
  fail_reason: z.string().nullable(),
  transaction_hash: z.string().nullable(),
  block_number: z.string().nullable(),
  requested_at: time,
  approved_at: time.nullable(),
  ended_at: time.nullable(),
});

export const refundsAnswer = z.object({ refunds: z.array(refundRecord), next_cursor: z.string().nullable() });

const refundEvent = z.object({
  id: z.string(),
  kind: z.string(),
  from_state: z.string().nullable(),
  to_state: z.string().nullable(),
  actor: z.string(),
  detail: z.unknown(),
  at: time,
});
export const refundDetailAnswer = refundRecord.extend({ events: z.array(refundEvent).describe('Oldest first.') });

import { z } from 'zod';
import { cursorInstant, cursorOf } from '@tollbox/platform/http/cursor';
import { limitParameter, walletParameter } from '@tollbox/platform/http/query-parameters';
import { REFUND_KINDS, REFUND_STATES } from '../domain/refund';

/** A place in the list: when the refund was requested, and its id. */
export const refundCursor = cursorOf(z.tuple([cursorInstant, z.uuid()]));

export const refundBody = z.strictObject({
  payment_id: z
    .uuid()
    .describe(
      'The payment that is given back, or one that was not charged and that money came on all the same. It goes to the wallet that paid, and to no other.',
    ),
  amount: z
    .string()
    .regex(/^[1-9][0-9]{0,30}$/, 'a positive whole number of atomic USDC units, as text')
    .describe(
      'Atomic USDC (1 USDC = 1000000), as a decimal text. All refunds of a payment together are at most its price, or what is owed of it.',
    ),
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
  wallet: walletParameter('Refunds to this wallet.'),
  limit: limitParameter('Refunds'),
  cursor: refundCursor.parameter,
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
  owed_already: z
    .boolean()
    .describe('It pays out money that came on a payment which was not charged, and that is owed whether asked for or not.'),
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
export type RefundsAnswer = z.output<typeof refundsAnswer>;

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

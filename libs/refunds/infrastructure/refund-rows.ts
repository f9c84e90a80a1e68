import type { PoolClient } from 'pg';
import type { Posting } from '@tollbox/ledger/domain/posting';
import { refundApproved, refundWithdrawn, type RefundMoney } from '@tollbox/ledger/domain/postings/refund';
import type { Refund, RefundKind, RefundState } from '../domain/refund';

export interface RefundRow {
  id: string;
  payment_id: string;
  operation_id: string;
  wallet: string;
  amount_atomic: string;
  kind: RefundKind;
  reason: string;
  state: RefundState;
  round: number;
  requested_by: string;
  needs_second_key: boolean;
  owed_already: boolean;
}

/** The columns of RefundRow, of a table that is called `refunds` in the statement. */
export const REFUND_COLUMNS = [
  ...['id', 'payment_id', 'operation_id', 'wallet', 'amount_atomic', 'kind', 'reason', 'state', 'round'],
  ...['requested_by', 'needs_second_key', 'owed_already'],
]
  .map((column) => `refunds.${column}`)
  .join(', ');

export function toRefund(row: RefundRow): Refund {
  return {
    id: row.id,
    paymentId: row.payment_id,
    operationId: row.operation_id,
    wallet: row.wallet,
    amountAtomic: BigInt(row.amount_atomic),
    kind: row.kind,
    reason: row.reason,
    state: row.state,
    round: row.round,
    requestedBy: row.requested_by,
    needsSecondKey: row.needs_second_key,
    owedAlready: row.owed_already,
  };
}

export function moneyOf({ id, operationId, wallet, amountAtomic, round }: Refund): RefundMoney {
  return { id, operationId, wallet, amountAtomic, round };
}

/** Money that is owed already stays owed, whatever becomes of the refund; only paying it changes the books. */
export const approvalPostings = (refund: Refund): Posting[] => (refund.owedAlready ? [] : refundApproved(moneyOf(refund)));
export const withdrawalPostings = (refund: Refund): Posting[] => (refund.owedAlready ? [] : refundWithdrawn(moneyOf(refund)));

export interface RefundEventInput {
  readonly refundId: string;
  readonly kind: string;
  readonly from: RefundState | null;
  readonly to: RefundState | null;
  readonly actor: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export async function appendRefundEvent(client: PoolClient, event: RefundEventInput): Promise<void> {
  await client.query(
    `INSERT INTO refund_events (refund_id, kind, from_state, to_state, actor, detail) VALUES ($1, $2, $3, $4, $5, $6::jsonb)`,
    [event.refundId, event.kind, event.from, event.to, event.actor, JSON.stringify(event.detail ?? {})],
  );
}

import type { RefundKind, RefundState } from '../../domain/refund';

/** A refund as finance sees it. Amounts are decimal texts of atomic units; times are ISO 8601 in UTC. */
export interface RefundRecord {
  readonly id: string;
  readonly payment_id: string;
  readonly operation_id: string;
  readonly wallet: string;
  readonly amount_atomic: string;
  readonly kind: RefundKind;
  readonly reason: string;
  readonly state: RefundState;
  readonly needs_second_key: boolean;
  readonly owed_already: boolean;
  readonly requested_by: string;
  readonly approved_by: string | null;
  readonly rejected_by: string | null;
  readonly rejection_reason: string | null;
  readonly waiting_reason: string | null;
  readonly fail_reason: string | null;
  readonly transaction_hash: string | null;
  readonly block_number: string | null;
  readonly requested_at: string;
  readonly approved_at: string | null;
  readonly ended_at: string | null;
}

export interface RefundEventRecord {
  readonly id: string;
  readonly kind: string;
  readonly from_state: string | null;
  readonly to_state: string | null;
  readonly actor: string;
  readonly detail: unknown;
  readonly at: string;
}

export interface RefundFilter {
  readonly state?: RefundState | undefined;
  readonly kind?: RefundKind | undefined;
  readonly payment_id?: string | undefined;
  readonly wallet?: string | undefined;
}

/** A place in the order newest request first. */
export interface RefundPlace {
  readonly requestedAt: string;
  readonly id: string;
}

export interface RefundQueries {
  /** Newest request first; at most `limit` and one more, which tells whether there is another page. */
  page(filter: RefundFilter, after: RefundPlace | null, limit: number): Promise<readonly RefundRecord[]>;
  find(id: string): Promise<(RefundRecord & { readonly events: readonly RefundEventRecord[] }) | null>;
}

/** Nest's injection token of the RefundQueries. */
export const REFUND_QUERIES = Symbol('RefundQueries');

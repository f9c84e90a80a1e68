import type { Refund, RefundKind, RefundLimits, RefundState } from '../../domain/refund';

export interface RefundRequest {
  readonly paymentId: string;
  readonly amountAtomic: bigint;
  readonly kind: RefundKind;
  readonly reason: string;
  readonly idempotencyKey: string | null;
}

/** The staff key that acts. */
export interface RefundActor {
  readonly keyId: string;
  readonly requestId: string;
  readonly ip: string;
}

export type RequestResult =
  | { readonly kind: 'requested'; readonly refund: Refund }
  /** The same key asked for the same under this idempotency key before. */
  | { readonly kind: 'repeated'; readonly refund: Refund }
  | { readonly kind: 'key_reused' }
  | { readonly kind: 'no_payment' }
  | { readonly kind: 'not_refundable'; readonly why: string }
  | { readonly kind: 'too_much'; readonly leftAtomic: bigint };

export type DecisionResult =
  | { readonly kind: 'done'; readonly refund: Refund }
  | { readonly kind: 'not_found' }
  | { readonly kind: 'same_key' }
  | { readonly kind: 'wrong_state'; readonly state: RefundState };

/** Every method is one transaction, with its event, its entries in the books and its audit entry. */
export interface RefundStore {
  /** Takes a request; within the limits it is approved at once. */
  request(request: RefundRequest, actor: RefundActor, limits: RefundLimits): Promise<RequestResult>;
  /** requested → queued, or paid for a credit. Not by the key that requested it. */
  approve(refundId: string, actor: RefundActor): Promise<DecisionResult>;
  /** requested | queued → rejected. */
  reject(refundId: string, reason: string, actor: RefundActor): Promise<DecisionResult>;
}

/** Nest's injection token of the RefundStore. */
export const REFUND_STORE = Symbol('RefundStore');

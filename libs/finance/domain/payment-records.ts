import type { PaymentState } from '@tollbox/payments/domain/payment-state';

/** A payment as finance sees it. Amounts are decimal texts of atomic units; times are ISO 8601 in UTC. */
export interface PaymentRecord {
  readonly id: string;
  readonly state: PaymentState;
  readonly attempt: number;
  readonly operation: string;
  readonly operation_id: string;
  readonly payer: string;
  readonly pay_to: string;
  readonly network: string;
  readonly asset: string;
  readonly nonce: string;
  readonly amount_atomic: string;
  readonly price_atomic: string;
  readonly fee_atomic: string;
  readonly price_list_version: number | null;
  readonly x402_version: number;
  readonly settlement_mode: string;
  readonly answer_status: number | null;
  readonly void_code: string | null;
  readonly fail_reason: string | null;
  readonly transaction_hash: string | null;
  readonly block_number: string | null;
  readonly claimed_at: string;
  readonly executed_at: string | null;
  readonly settled_at: string | null;
}

/** How many payments, and what they sum up to. */
export interface PaymentTotals {
  readonly count: number;
  readonly amount_atomic: string;
  readonly price_atomic: string;
}

/** A place between two payments in the order newest claim first. */
export interface PaymentCursor {
  /** ISO 8601 in UTC, to the millisecond, as the database keeps it. */
  readonly claimedAt: string;
  readonly id: string;
}

export interface PaymentFilter {
  /** Lower-case address of the payer. */
  readonly wallet?: string | undefined;
  readonly state?: PaymentState | undefined;
  readonly operation?: string | undefined;
  readonly operationId?: string | undefined;
  /** Lower-case hash of the transaction that settled it. */
  readonly transaction?: string | undefined;
  /** Claimed at or after. */
  readonly from?: Date | undefined;
  /** Claimed before. */
  readonly to?: Date | undefined;
}

/** One step of a payment's history. */
export interface PaymentEventRecord {
  readonly id: string;
  readonly attempt: number;
  readonly kind: string;
  readonly from_state: string | null;
  readonly to_state: string | null;
  readonly actor: string;
  readonly detail: unknown;
  readonly at: string;
}

/** The transaction that carries or carried the payment. */
export interface SettlementRecord {
  readonly id: string;
  readonly state: string;
  readonly signer: string;
  readonly evm_nonce: string;
  readonly transaction_hash: string;
  readonly block_number: string | null;
  readonly block_hash: string | null;
  readonly gas_used: string | null;
  readonly effective_gas_price_wei: string | null;
  readonly stored_at: string;
  readonly sent_at: string | null;
  readonly resolved_at: string | null;
}

/** What the payment bought, found by its operation id. */
export interface WorkOfPayment {
  /** The sandbox that the operation made, used or ended. */
  readonly sandbox_id: string | null;
  readonly execution_id: string | null;
}

export interface PaymentDetail extends PaymentRecord {
  readonly valid_after: string;
  readonly valid_before: string;
  readonly payer_kind: string;
  readonly method: string;
  readonly path: string;
  readonly body_sha256: string;
  readonly events: readonly PaymentEventRecord[];
  readonly settlement: SettlementRecord | null;
  readonly work: WorkOfPayment;
}

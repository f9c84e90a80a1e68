/** A payment as a record of work shows it. Amounts are decimal texts of atomic units. */
export interface PaymentOfOperation {
  readonly paymentId: string;
  readonly operationId: string;
  readonly operation: string;
  readonly payer: string;
  readonly state: string;
  readonly amountAtomic: string;
  readonly priceAtomic: string;
  readonly network: string;
  readonly transactionHash: string | null;
  /** ISO 8601 in UTC. */
  readonly claimedAt: string;
  readonly settledAt: string | null;
}

/** Answers which payments bought which operations. Implemented by finance; read by the admin view of a sandbox. */
export interface OperationPayments {
  /** The payments of these operations, oldest claim first. An operation without payment has no entry. */
  ofOperations(operationIds: readonly string[]): Promise<readonly PaymentOfOperation[]>;
}

/** Nest's injection token of OperationPayments. */
export const SANDBOX_PAYMENTS = Symbol('SandboxPayments');

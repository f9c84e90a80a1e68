import type { Wallet } from '@tollbox/platform/operations/operation';
import type { Payment } from '../../domain/payment';

/** A payment as its payer sees it. */
export interface OwnPayment {
  readonly payment: Payment;
  readonly settlementMode: string;
  readonly claimedAt: Date;
  readonly settledAt: Date | null;
  readonly blockNumber: bigint | null;
  readonly blockHash: string | null;
}

export interface OwnPayments {
  find(id: string, payer: Wallet): Promise<OwnPayment | null>;
}

import type { PaymentCursor, PaymentDetail, PaymentFilter, PaymentRecord, PaymentTotals } from '../../domain/payment-records';

export interface PageOfPayments {
  /** Newest claim first. */
  readonly payments: readonly PaymentRecord[];
  readonly hasMore: boolean;
  /** Over everything the filter matches, not only this page. */
  readonly totals: PaymentTotals;
  readonly totalsByState: Readonly<Record<string, PaymentTotals>>;
}

/** Reads payments. The parts of one answer are of one moment. */
export interface PaymentsReadModel {
  page(filter: PaymentFilter, after: PaymentCursor | undefined, limit: number): Promise<PageOfPayments>;
  detail(id: string): Promise<PaymentDetail | undefined>;
}

/** Nest's injection token of the PaymentsReadModel. */
export const PAYMENTS_READ_MODEL = Symbol('PaymentsReadModel');

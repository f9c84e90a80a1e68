import type { PaymentCursor, PaymentDetail, PaymentFilter, PaymentRecord, PaymentTotals } from '../../domain/payment-records';

/** Over everything a filter matches, not only a page. */
export interface TotalsOfFilter extends PaymentTotals {
  readonly byState: Readonly<Record<string, PaymentTotals>>;
}

export interface PageOfPayments {
  /** Newest claim first. */
  readonly payments: readonly PaymentRecord[];
  readonly hasMore: boolean;
  /** Null when the filter matches more payments than are added up while somebody waits. */
  readonly totals: TotalsOfFilter | null;
}

/** Reads payments. The parts of one answer are of one moment. */
export interface PaymentsReadModel {
  page(filter: PaymentFilter, after: PaymentCursor | undefined, limit: number): Promise<PageOfPayments>;
  detail(id: string): Promise<PaymentDetail | undefined>;
}

/** Nest's injection token of the PaymentsReadModel. */
export const PAYMENTS_READ_MODEL = Symbol('PaymentsReadModel');

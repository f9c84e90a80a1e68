import { Inject, Injectable } from '@nestjs/common';
import { decodeCursor, encodeCursor } from '../domain/cursor';
import type { PaymentFilter, PaymentRecord, PaymentTotals } from '../domain/payment-records';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { PAYMENTS_READ_MODEL, type PaymentsReadModel } from './ports/payments-read-model';

export interface PaymentsPage {
  readonly payments: readonly PaymentRecord[];
  /** Give it back as `cursor` for the next page; null on the last one. */
  readonly next_cursor: string | null;
  readonly totals: PaymentTotals & { readonly by_state: Readonly<Record<string, PaymentTotals>> };
}

/**
 * Payments newest claim first. A payment that arrives while somebody pages is before the first page: it neither repeats
 * nor hides another.
 */
@Injectable()
export class ListPayments {
  constructor(@Inject(PAYMENTS_READ_MODEL) private readonly readModel: PaymentsReadModel) {}

  /** @throws TollboxError `invalid_query` for a cursor that is none of ours */
  async run(filter: PaymentFilter, limit: number, cursor?: string): Promise<PaymentsPage> {
    const after = cursor === undefined ? undefined : decodeCursor(cursor);
    if (cursor !== undefined && after === undefined) {
      const message = 'The cursor is not one of an earlier answer';
      throw new TollboxError('invalid_query', { details: [{ code: 'custom', path: ['cursor'], message }] });
    }
    const { payments, hasMore, totals, totalsByState } = await this.readModel.page(filter, after, limit);
    const last = payments.at(-1);
    return {
      payments,
      next_cursor: hasMore && last !== undefined ? encodeCursor({ claimedAt: last.claimed_at, id: last.id }) : null,
      totals: { ...totals, by_state: totalsByState },
    };
  }
}

import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { RefundLimits } from '../domain/refund';
import type { RefundEventRecord, RefundFilter, RefundPlace, RefundQueries, RefundRecord } from './ports/refund-queries';
import type { DecisionResult, RefundActor, RefundRequest, RefundStore } from './ports/refund-store';

type RefundDetail = RefundRecord & { readonly events: readonly RefundEventRecord[] };

export interface PageOfRefunds {
  readonly refunds: readonly RefundRecord[];
  readonly hasMore: boolean;
}

/** What finance does with refunds: request, approve, reject, look. */
export class ManageRefunds {
  constructor(
    private readonly store: RefundStore,
    private readonly queries: RefundQueries,
    private readonly limits: RefundLimits,
  ) {}

  async request(request: RefundRequest, actor: RefundActor): Promise<RefundDetail> {
    const result = await this.store.request(request, actor, this.limits);
    switch (result.kind) {
      case 'requested':
      case 'repeated':
        return this.show(result.refund.id);
      case 'key_reused':
        throw new TollboxError('conflict', {
          message: 'This idempotency_key was used for another refund.',
          suggestion: 'Use a new idempotency_key, or repeat the first request without a change.',
        });
      case 'no_payment':
        throw new TollboxError('not_found', { message: 'There is no payment with this id.' });
      case 'not_refundable':
        throw new TollboxError('refund_not_possible', { details: result.why });
      case 'too_much': {
        const details = `${result.leftAtomic} atomic units of this payment are left to refund.`;
        throw new TollboxError('refund_not_possible', { details });
      }
    }
  }

  async approve(id: string, actor: RefundActor): Promise<RefundDetail> {
    return this.decided(id, await this.store.approve(id, actor));
  }

  async reject(id: string, reason: string, actor: RefundActor): Promise<RefundDetail> {
    return this.decided(id, await this.store.reject(id, reason, actor));
  }

  async show(id: string): Promise<RefundDetail> {
    const found = await this.queries.find(id);
    if (found === null) throw noRefund();
    return found;
  }

  /** Newest request first. What is requested while somebody pages is before his first page. */
  async list(filter: RefundFilter, limit: number, after: RefundPlace | null): Promise<PageOfRefunds> {
    const rows = await this.queries.page(filter, after, limit);
    return { refunds: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  private decided(id: string, result: DecisionResult): Promise<RefundDetail> {
    switch (result.kind) {
      case 'done':
        return this.show(id);
      case 'not_found':
        throw noRefund();
      case 'same_key':
        throw new TollboxError('second_key_required', {
          message: 'The staff key that requested this refund may not approve it.',
          suggestion: `Let another person send POST /finance/refunds/${id}/approve with a finance key of their own; the requester can only reject it.`,
        });
      case 'wrong_state':
        throw new TollboxError('conflict', {
          message: `The refund is ${result.state} already.`,
          suggestion: `See GET /finance/refunds/${id}: only a refund that was not decided, or not sent yet, can change.`,
        });
    }
  }
}

const noRefund = (): TollboxError => new TollboxError('not_found', { message: 'There is no refund with this id.' });

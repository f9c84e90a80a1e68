import type { AuditEntry } from '@tollbox/platform/audit/audit-log';

/** What became of a write-off: done, no such debt, cleared before, or more than this caller may give up. */
export type WriteOffOutcome =
  { readonly kind: 'written_off' | 'above_limit'; readonly amountAtomic: bigint } | { readonly kind: 'not_found' | 'cleared' };

export interface WriteOffOrder {
  readonly paymentId: string;
  /** Id of the staff key. */
  readonly by: string;
  readonly reason: string;
  /** A larger debt is left as it is; null for no limit. */
  readonly maxAtomic: bigint | null;
  /** Recorded together with the write-off, its amount added. */
  readonly audit: AuditEntry;
}

export interface DebtBook {
  /** Gives the debt up: payment, event, entry and audit in one transaction. */
  writeOff(order: WriteOffOrder): Promise<WriteOffOutcome>;
}

export const DEBT_BOOK = Symbol('DebtBook');

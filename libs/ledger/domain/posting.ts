import type { AccountCode } from './accounts';
import type { JournalEvent } from './events';

/** One row of the journal: `amount` moves from the credit account to the debit account. */
export interface Posting {
  /** Id of the thing that the event happened to: a payment, a refund, a receipt, a sandbox. */
  readonly subject: string;
  readonly event: JournalEvent;
  /** Counts how often the same event happened to the subject; 1 unless given. */
  readonly round?: number;
  /** Tells the rows of one event apart; 1 unless given. */
  readonly leg?: number;
  readonly debit: AccountCode;
  readonly credit: AccountCode;
  /** In the unit of the accounts' asset; more than zero. */
  readonly amount: bigint;
  readonly operationId?: string | null;
  /** Lower-case address of the buyer. */
  readonly wallet?: string | null;
  /** When it happened, if not now: the time of a block, the end of a sandbox. */
  readonly eventAt?: Date;
}

/** The rows that move something, their legs counted from 1. */
export function legs(common: Omit<Posting, 'leg' | 'debit' | 'credit' | 'amount'>, rows: readonly Move[]): Posting[] {
  return rows.filter(({ amount }) => amount !== 0n).map((row, index) => ({ ...common, ...row, leg: index + 1 }));
}

export type Move = Pick<Posting, 'debit' | 'credit' | 'amount'>;

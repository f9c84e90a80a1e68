/** A payment whose answer was released and whose money did not arrive. */
export interface DebtRecord {
  readonly payment_id: string;
  readonly wallet: string;
  readonly operation: string;
  readonly open_atomic: string;
  readonly since: string;
  readonly fail_reason: string | null;
}

/** What a wallet has prepaid and not used. */
export interface CreditRecord {
  readonly wallet: string;
  readonly balance_atomic: string;
  readonly held_atomic: string;
  readonly debt_atomic: string;
}

export interface DebtPlace {
  readonly since: string;
  readonly paymentId: string;
}

/** Count and sum over everything, not only a page. */
export interface OpenTotals {
  readonly count: string;
  readonly amount_atomic: string;
}

export interface PageOf<Item> {
  readonly items: readonly Item[];
  readonly hasMore: boolean;
  readonly totals: OpenTotals;
}

/** What others owe us, and what we owe others. The parts of one answer are of one moment. */
export interface OpenItems {
  /** Oldest first. */
  debts(wallet: string | undefined, after: DebtPlace | undefined, limit: number): Promise<PageOf<DebtRecord>>;
  /** Wallets with a balance, in order of their addresses. */
  credits(after: string | undefined, limit: number): Promise<PageOf<CreditRecord>>;
}

export const OPEN_ITEMS = Symbol('OpenItems');

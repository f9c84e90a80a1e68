import type { Wallet } from '@tollbox/platform/operations/operation';
import type { CreditBalance, CreditEntry, CreditStore, CreditToken } from './ports/credit-store';

export interface Credits {
  readonly wallet: Wallet;
  readonly balance: CreditBalance;
  readonly tokens: readonly CreditToken[];
  readonly statement: readonly CreditEntry[];
  /** The last line of this part, if there are older ones. */
  readonly nextLine: bigint | null;
}

const TOKENS_SHOWN = 100;

/** What a wallet has prepaid, and how it came and went. */
export class ShowCredits {
  constructor(private readonly store: CreditStore) {}

  /** @param before only lines before this one; lines are only ever added in front, so it stays where it is */
  async show(wallet: Wallet, limit: number, before: bigint | undefined): Promise<Credits> {
    const [balance, tokens, entries] = await Promise.all([
      this.store.balance(wallet),
      this.store.listTokens(wallet, TOKENS_SHOWN),
      this.store.entries(wallet, limit + 1, before ?? null),
    ]);
    const statement = entries.slice(0, limit);
    return { wallet, balance, tokens, statement, nextLine: entries.length > limit ? (statement.at(-1)?.id ?? null) : null };
  }
}

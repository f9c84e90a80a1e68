import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Wallet } from '@tollbox/platform/operations/operation';
import type { CreditBalance, CreditEntry, CreditStore, CreditToken } from './ports/credit-store';

export interface Credits {
  readonly wallet: Wallet;
  readonly balance: CreditBalance;
  readonly tokens: readonly CreditToken[];
  readonly statement: readonly CreditEntry[];
  readonly nextCursor: string | null;
}

const TOKENS_SHOWN = 100;
const CURSOR = /^[1-9][0-9]{0,17}$/;

/** What a wallet has prepaid, and how it came and went. */
export class ShowCredits {
  constructor(private readonly store: CreditStore) {}

  /** Lines are only ever added in front, so a cursor stays where it is. */
  async show(wallet: Wallet, limit: number, cursor: string | undefined): Promise<Credits> {
    if (cursor !== undefined && !CURSOR.test(cursor))
      throw new TollboxError('invalid_query', { details: 'cursor: is not the next_cursor of a statement' });
    const [balance, tokens, entries] = await Promise.all([
      this.store.balance(wallet),
      this.store.listTokens(wallet, TOKENS_SHOWN),
      this.store.entries(wallet, limit + 1, cursor === undefined ? null : BigInt(cursor)),
    ]);
    const statement = entries.slice(0, limit);
    const last = entries.length > limit ? statement.at(-1) : undefined;
    return { wallet, balance, tokens, statement, nextCursor: last === undefined ? null : last.id.toString() };
  }
}

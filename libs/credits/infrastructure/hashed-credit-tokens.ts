import { createHash } from 'node:crypto';
import type { CreditTokens } from '@tollbox/platform/access/owner-access';
import type { CreditStore } from '../application/ports/credit-store';

/** Looks a token up by its hash, so that the time of the answer says nothing about other tokens. */
export class HashedCreditTokens implements CreditTokens {
  constructor(private readonly store: CreditStore) {}

  async walletOf(token: string): Promise<string | null> {
    const found = await this.store.findToken(createHash('sha256').update(token, 'utf8').digest('hex'));
    return found?.revokedAt === null ? found.wallet : null;
  }
}

import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Wallet } from '@tollbox/platform/operations/operation';
import { isTokenSha256 } from '../domain/topup';
import type { CreditStore, CreditToken } from './ports/credit-store';

/** A wallet takes a token's power back, for good. Its credits stay and can be used with another token. */
export class RevokeToken {
  constructor(private readonly store: CreditStore) {}

  async revoke(sha256: string, wallet: Wallet): Promise<CreditToken> {
    const token = isTokenSha256(sha256) ? await this.store.revokeToken(sha256, wallet) : null;
    if (token === null) throw new TollboxError('not_found', { message: 'There is no token with this hash.' });
    return token;
  }
}

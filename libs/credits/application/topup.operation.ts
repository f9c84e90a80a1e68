import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type {
  AdmissionCall,
  Operation,
  OperationAnswer,
  OperationOutcome,
  PriceAttributes,
  Wallet,
} from '@tollbox/platform/operations/operation';
import { topUpAnswer, topUpBody, type TopUpBody, type TopUpLimits } from '../domain/topup';
import type { CreditStore, TopUp } from './ports/credit-store';

export interface TopUpSettings extends TopUpLimits {
  readonly maxTokensPerWallet: number;
}

/** Accepting a top-up is two rows. */
const DEADLINE_MS = 10_000;

/**
 * Buying credits is a paid operation like any other. Its work is to bind the buyer's token to the paying wallet; the money
 * is credited by the books, when the payment is booked, and can be used once that has settled.
 */
export class TopUpOperation implements Operation<TopUpBody> {
  readonly name = 'credits.topup';
  readonly onChainOnly = true;
  readonly body: ReturnType<typeof topUpBody>;
  readonly answer = topUpAnswer;
  readonly errors = ['credit_token_taken', 'too_many_credit_tokens'] as const;

  constructor(
    private readonly store: CreditStore,
    private readonly settings: TopUpSettings,
  ) {
    this.body = topUpBody(settings);
  }

  priceAttributes(body: TopUpBody): PriceAttributes {
    return { amountAtomic: BigInt(body.amount) };
  }

  deadlineMs(): number {
    return DEADLINE_MS;
  }

  async admit({ owner, body }: AdmissionCall<TopUpBody>): Promise<void> {
    const token = await this.store.findToken(body.token_sha256);
    if (token !== null && (token.wallet !== owner || token.revokedAt !== null)) throw new TollboxError('credit_token_taken');
    if (token === null && (await this.store.countTokens(owner)) >= this.settings.maxTokensPerWallet)
      throw new TollboxError('too_many_credit_tokens');
  }

  async run(call: { readonly owner: Wallet; readonly operationId: string; readonly body: TopUpBody }): Promise<OperationAnswer> {
    const { owner: wallet, operationId, body } = call;
    const topUp: TopUp = { operationId, wallet, amountAtomic: BigInt(body.amount), tokenSha256: body.token_sha256 };
    switch (await this.store.accept(topUp, this.settings.maxTokensPerWallet)) {
      case 'accepted':
        return answerOf(topUp);
      case 'abandoned':
        throw new TollboxError('operation_interrupted', { retryAfterSeconds: 1 });
      case 'token_taken':
        throw new TollboxError('credit_token_taken');
      case 'too_many_tokens':
        throw new TollboxError('too_many_credit_tokens');
    }
  }

  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    const topUp = await this.store.findOrAbandon(operationId);
    return topUp === null ? { kind: 'not_started' } : { kind: 'done', answer: answerOf(topUp) };
  }

  /** The books take the credit back with the payment; a token without money opens nothing that costs. */
  revoke(): Promise<void> {
    return Promise.resolve();
  }
}

function answerOf({ wallet, amountAtomic, tokenSha256 }: TopUp): OperationAnswer {
  return { status: 200, body: { wallet, amount: amountAtomic.toString(), token_sha256: tokenSha256 } };
}

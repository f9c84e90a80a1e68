import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { REJECTIONS, type Rejection } from '../domain/authorization';
import { mayClaimAgain } from '../domain/claim-decision';
import type { Payment } from '../domain/payment';
import { ChainUnavailableError, type EvmChain, type PayerSnapshot } from './ports/evm-chain';
import type { PayerCodeGas } from './ports/payer-code-gas';
import type { ClaimLimits, ClaimResult, NewClaim, PaymentStore } from './ports/payment-store';

export type Claimed =
  | { readonly kind: 'claimed'; readonly payment: Payment }
  | { readonly kind: 'existing'; readonly payment: Payment }
  | { readonly kind: 'identifier_taken' }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

const TOO_MANY_RETRY_AFTER_S = 2;
const REFUSED_RETRY_AFTER_S = 600;
const NO_GAS_RETRY_AFTER_S = 600;

/**
 * Reserves the authorization and the payer's money for one operation. Balance and nonce are read at one block outside
 * the payer's lock; inside it the store subtracts every payment that the block cannot have contained.
 */
export class ClaimPayment {
  constructor(
    private readonly store: PaymentStore,
    private readonly chain: EvmChain,
    private readonly payerCodeGas: PayerCodeGas,
    private readonly limits: ClaimLimits,
  ) {}

  async claim(claim: NewClaim): Promise<Claimed> {
    const { payer, nonce } = claim.key;
    if (claim.payerKind === 'contract' && (await this.payerCodeGas.isUsedUp()))
      return this.knownOrThrow(claim, new TollboxError('contract_wallets_paused', { retryAfterSeconds: NO_GAS_RETRY_AFTER_S }));
    const first = await this.chain.payerSnapshot(payer, [nonce]).catch((error: unknown) => this.knownOrThrow(claim, error));
    if ('kind' in first) return first;
    // A twin of this request may have been claimed and settled since the look-up: then the nonce is used, by us.
    if (first.used.get(nonce) === true) return this.knownOrRejected(claim);

    const result = await this.tryClaim(claim, first);
    if (result.kind !== 'insufficient_funds' || result.liveNonces.length === 0) return this.conclude(result);

    // A live payment may be in a block that its settler has not recorded yet: then it was subtracted twice. Read again,
    // this time with the state of each live nonce at the same block.
    const second = await this.chain.payerSnapshot(payer, [nonce, ...result.liveNonces]);
    if (second.used.get(nonce) === true) return this.knownOrRejected(claim);
    return this.conclude(await this.tryClaim(claim, second));
  }

  private tryClaim(claim: NewClaim, snapshot: PayerSnapshot): Promise<ClaimResult> {
    const spentNonces = [...snapshot.used].filter(([, used]) => used).map(([nonce]) => nonce);
    const { balanceAtomic, blockNumber } = snapshot;
    return this.store.claim(claim, { balanceAtomic, blockNumber, spentNonces }, this.limits);
  }

  private conclude(result: ClaimResult): Claimed {
    switch (result.kind) {
      case 'claimed':
      case 'existing':
      case 'identifier_taken':
        return result;
      case 'insufficient_funds':
        return { kind: 'rejected', rejection: REJECTIONS.balance };
      case 'too_many_refused':
        throw new TollboxError('too_many_refused_payments', { retryAfterSeconds: REFUSED_RETRY_AFTER_S });
      case 'too_many_in_flight':
        throw new TollboxError('too_many_payments_in_flight', { retryAfterSeconds: TOO_MANY_RETRY_AFTER_S });
    }
  }

  /** A payment that is known is answered also while nothing new is taken. */
  private async knownOrThrow(claim: NewClaim, error: unknown): Promise<Claimed> {
    const payment = await this.store.find(claim.key);
    if (payment === null || mayClaimAgain(payment, claim.fingerprint)) throw error;
    return { kind: 'existing', payment };
  }

  private async knownOrRejected(claim: NewClaim): Promise<Claimed> {
    const payment = await this.store.find(claim.key);
    const isOurs = payment !== null && payment.state !== 'voided';
    return isOurs ? { kind: 'existing', payment } : { kind: 'rejected', rejection: REJECTIONS.nonceUsed };
  }
}

/** A chain that does not answer is the seller's problem: nothing ran, nothing is charged, the header stays good. */
export function chainUnavailable(cause: unknown): TollboxError | null {
  return cause instanceof ChainUnavailableError ? new TollboxError('chain_unavailable', { retryAfterSeconds: 2, cause }) : null;
}

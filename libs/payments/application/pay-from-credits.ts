import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Operation, OperationAnswer, Wallet } from '@tollbox/platform/operations/operation';
import { mayClaimAgain } from '../domain/claim-decision';
import { creditFingerprint, creditNonce } from '../domain/credit-call';
import { sha256Hex } from '../domain/fingerprint';
import type { Hex } from '../domain/networks';
import { chargedOf, type Payment, type PaymentKey } from '../domain/payment';
import { formatUsd, type Terms } from '../domain/terms';
import type { AwaitOutcome } from './await-outcome';
import type { ExecuteClaim } from './execute-claim';
import type { PaidOutcome } from './outcomes';
import type { CreditClaims } from './ports/credit-claims';
import type { ClaimLimits, PaymentStore } from './ports/payment-store';

export interface CreditCallRequest {
  readonly operation: Operation;
  /** The validated body. */
  readonly body: unknown;
  readonly rawBody: Buffer;
  /** Of a body that is streamed and not read yet: hex, as its sender says. It stands for the bytes in the fingerprint. */
  readonly announcedSha256?: string;
  readonly method: string;
  /** Path and query as received. */
  readonly path: string;
  readonly requestId: string;
  /** The wallet that the token is bound to. */
  readonly wallet: Hex;
  readonly idempotencyKey: string;
  readonly terms: Terms;
  run(call: { readonly owner: Wallet; readonly operationId: string }): Promise<OperationAnswer>;
}

/**
 * One call on prepaid credits: the steps of a paid call without the chain. The wallet and the Idempotency-Key stand for
 * the authorization, the price is held at the claim and booked with the answer.
 */
export class PayFromCredits {
  constructor(
    private readonly store: PaymentStore,
    private readonly claims: CreditClaims,
    private readonly executor: ExecuteClaim,
    private readonly outcomes: AwaitOutcome,
    private readonly limits: Pick<ClaimLimits, 'leaseHolder' | 'leaseMs'>,
  ) {}

  async pay(request: CreditCallRequest): Promise<PaidOutcome> {
    try {
      return await this.payOrThrow(request);
    } catch (error) {
      if (!(error instanceof TollboxError)) throw error;
      return { kind: 'error', error, charged: false, payment: null };
    }
  }

  private async payOrThrow(request: CreditCallRequest): Promise<PaidOutcome> {
    const { operation, body, terms, method, path, wallet } = request;
    const key: PaymentKey = {
      network: terms.network.caip2,
      asset: terms.network.usdc,
      payer: wallet,
      nonce: creditNonce(request.idempotencyKey),
    };
    const bodySha256 = request.announcedSha256 ?? sha256Hex(request.rawBody);
    const fingerprint = creditFingerprint({ method, path, bodySha256, wallet });
    const known = await this.store.find(key);
    if (known !== null && !mayClaimAgain(known, fingerprint)) return this.answerKnown(known, fingerprint, request.requestId);

    await operation.admit({ owner: wallet, body });
    const claimed = await this.claims.claim(
      {
        key,
        payTo: terms.payTo,
        operation: operation.name,
        priceAtomic: terms.priceAtomic,
        feeAtomic: terms.feeAtomic,
        priceListVersion: terms.priceListVersion,
        fingerprint,
        method,
        path,
        bodySha256,
      },
      this.limits,
    );
    switch (claimed.kind) {
      case 'existing':
        return this.answerKnown(claimed.payment, fingerprint, request.requestId);
      case 'insufficient':
        throw new TollboxError('insufficient_credits', { details: `usable: $${formatUsd(max0(claimed.usableAtomic))}` });
      case 'in_debt':
        throw new TollboxError('credits_in_debt', { details: `owed: $${formatUsd(claimed.debtAtomic)}` });
      case 'claimed':
        return this.run(request, claimed.payment);
    }
  }

  private async run(request: CreditCallRequest, payment: Payment): Promise<PaidOutcome> {
    const { operation, body, requestId } = request;
    const answer = await this.executor.execute({
      payment,
      operation,
      deadlineMs: operation.deadlineMs(body),
      requestId,
      run: () => request.run({ owner: payment.key.payer, operationId: payment.operationId }),
    });
    if (answer === null) return this.outcomes.ofKnown(payment, requestId);
    return { kind: 'paid', payment: { ...payment, state: 'settled' }, answer };
  }

  private async answerKnown(payment: Payment, fingerprint: string, requestId: string): Promise<PaidOutcome> {
    if (payment.fingerprint !== fingerprint)
      return { kind: 'error', error: new TollboxError('idempotency_key_reused'), charged: chargedOf(payment), payment };
    return this.outcomes.ofKnown(payment, requestId);
  }
}

const max0 = (amount: bigint): bigint => (amount > 0n ? amount : 0n);

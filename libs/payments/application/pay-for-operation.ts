import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Operation, OperationAnswer, Wallet } from '@tollbox/platform/operations/operation';
import { minTimeLeftMs, rejectionOfTerms, type PaymentPayload } from '../domain/authorization';
import { fingerprintOf, sha256Hex } from '../domain/fingerprint';
import type { Hex } from '../domain/networks';
import { chargedOf, type Payment, type PayerKind, type PaymentKey } from '../domain/payment';
import type { Terms } from '../domain/terms';
import type { AwaitOutcome } from './await-outcome';
import { chainUnavailable, type ClaimPayment } from './claim-payment';
import type { ExecuteClaim } from './execute-claim';
import type { PaidOutcome } from './outcomes';
import type { PaymentStore } from './ports/payment-store';
import type { VerifyPayment } from './verify-payment';

export interface PaidCallRequest {
  readonly operation: Operation;
  /** The validated body. */
  readonly body: unknown;
  readonly rawBody: Buffer;
  readonly method: string;
  /** Path and query as received. */
  readonly path: string;
  readonly requestId: string;
  readonly payload: PaymentPayload;
  readonly terms: Terms;
  run(call: { readonly owner: Wallet; readonly operationId: string }): Promise<OperationAnswer>;
}

/**
 * One paid call (design 3.1): signature, look-up, admission, terms, claim, operation, settlement, answer. A payment that
 * is known is never judged again, whatever the time, the price list, the balance or the sandbox are now.
 */
export class PayForOperation {
  constructor(
    private readonly store: PaymentStore,
    private readonly verify: VerifyPayment,
    private readonly claims: ClaimPayment,
    private readonly executor: ExecuteClaim,
    private readonly outcomes: AwaitOutcome,
    private readonly houseWallets: readonly Hex[],
  ) {}

  async pay(request: PaidCallRequest): Promise<PaidOutcome> {
    try {
      return await this.payOrThrow(request);
    } catch (error) {
      const known = error instanceof TollboxError ? error : chainUnavailable(error);
      if (known === null) throw error;
      return { kind: 'error', error: known, charged: false, payment: null };
    }
  }

  private async payOrThrow(request: PaidCallRequest): Promise<PaidOutcome> {
    const { payload, terms } = request;
    const payer = await this.verify.verify(payload);
    if (payer.kind === 'rejected') return payer;

    const { from, nonce } = payload.authorization;
    const key: PaymentKey = { network: terms.network.caip2, asset: terms.network.usdc, payer: from, nonce };
    const bodySha256 = sha256Hex(request.rawBody);
    const fingerprint = fingerprintOf({
      method: request.method,
      path: request.path,
      bodySha256,
      authorization: payload.authorization,
      paymentIdentifier: payload.paymentIdentifier,
    });

    const known = await this.store.find(key);
    if (known !== null && !mayClaimAgain(known, fingerprint)) return this.answerKnown(known, fingerprint, request.requestId);

    const { operation, body } = request;
    await operation.admit({ owner: from, body });
    const deadlineMs = operation.deadlineMs(body);
    const rejection = rejectionOfTerms(payload, {
      payTo: terms.payTo,
      asset: terms.network.usdc,
      priceAtomic: terms.priceAtomic,
      houseWallets: this.houseWallets,
      minTimeLeftMs: minTimeLeftMs(deadlineMs),
      nowMs: Date.now(),
    });
    if (rejection !== null) return { kind: 'rejected', rejection };
    return this.claimAndRun(request, { key, bodySha256, fingerprint, payerKind: payer.payerKind, deadlineMs });
  }

  private async claimAndRun(
    request: PaidCallRequest,
    claim: { key: PaymentKey; bodySha256: string; fingerprint: string; payerKind: PayerKind; deadlineMs: number },
  ): Promise<PaidOutcome> {
    const { payload, operation } = request;
    const claimed = await this.claims.claim({
      key: claim.key,
      operation: operation.name,
      x402Version: payload.x402Version,
      authorization: payload.authorization,
      signature: payload.signature,
      payerKind: claim.payerKind,
      priceAtomic: request.terms.priceAtomic,
      feeAtomic: request.terms.feeAtomic,
      priceListVersion: request.terms.priceListVersion,
      fingerprint: claim.fingerprint,
      method: request.method,
      path: request.path,
      bodySha256: claim.bodySha256,
      settlementMode: 'confirm',
    });
    if (claimed.kind === 'rejected') return claimed;
    if (claimed.kind === 'existing') return this.answerKnown(claimed.payment, claim.fingerprint, request.requestId);

    const { payment } = claimed;
    const call = { owner: payment.key.payer, operationId: payment.operationId };
    await this.executor.execute({
      payment,
      operation,
      deadlineMs: claim.deadlineMs,
      requestId: request.requestId,
      run: () => request.run(call),
    });
    return this.outcomes.awaitOutcome(payment.id, request.requestId);
  }

  private async answerKnown(payment: Payment, fingerprint: string, requestId: string): Promise<PaidOutcome> {
    if (payment.fingerprint !== fingerprint)
      return { kind: 'error', error: new TollboxError('payment_reused'), charged: chargedOf(payment), payment };
    return this.outcomes.awaitOutcome(payment.id, requestId);
  }
}

function mayClaimAgain(payment: Payment, fingerprint: string): boolean {
  return payment.state === 'voided' && payment.voidRetryable && payment.fingerprint === fingerprint;
}

import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Operation, OperationAnswer, Wallet } from '@tollbox/platform/operations/operation';
import { minTimeLeftMs, rejectionOfTerms, type PaymentPayload, type Rejection } from '../domain/authorization';
import { mayClaimAgain } from '../domain/claim-decision';
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
  /** Of a body that is streamed and not read yet: hex, as its sender says. It stands for the bytes in the fingerprint. */
  readonly announcedSha256?: string;
  readonly method: string;
  /** Path and query as received. */
  readonly path: string;
  readonly requestId: string;
  readonly payload: PaymentPayload;
  readonly terms: Terms;
  run(call: { readonly owner: Wallet; readonly operationId: string }): Promise<OperationAnswer>;
}

export interface PayForOperationOptions {
  /** Wallets of the house, which cannot pay it. */
  readonly houseWallets: readonly Hex[];
  /** Whether answers may go out before settlement at all. */
  readonly answersEarly: boolean;
}

/** A request as the steps see it: who pays for what. */
interface Call {
  readonly request: PaidCallRequest;
  readonly key: PaymentKey;
  readonly bodySha256: string;
  readonly fingerprint: string;
  readonly payerKind: PayerKind;
  readonly deadlineMs: number;
}

/**
 * One paid call (design 3.1): signature, admission, terms, claim, operation, settlement, answer. A payment that is known
 * is never judged again, whatever the time, the price list, the balance or the sandbox are now: the claim finds it, and
 * so does whatever would refuse it before.
 */
export class PayForOperation {
  constructor(
    private readonly store: PaymentStore,
    private readonly verify: VerifyPayment,
    private readonly claims: ClaimPayment,
    private readonly executor: ExecuteClaim,
    private readonly outcomes: AwaitOutcome,
    private readonly options: PayForOperationOptions,
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

    const { authorization } = payload;
    const bodySha256 = request.announcedSha256 ?? sha256Hex(request.rawBody);
    const call: Call = {
      request,
      key: { network: terms.network.caip2, asset: terms.network.usdc, payer: authorization.from, nonce: authorization.nonce },
      bodySha256,
      fingerprint: fingerprintOf({
        method: request.method,
        path: request.path,
        bodySha256,
        authorization,
        paymentIdentifier: payload.paymentIdentifier,
      }),
      payerKind: payer.payerKind,
      deadlineMs: request.operation.deadlineMs(request.body),
    };
    const twin = await this.answerIfNamedBefore(call);
    if (twin !== null) return twin;
    // An authorization that does not pay us, such as one that its payer gave to another seller, is told nothing of his sandboxes.
    const rejection = this.rejectionOf(call);
    if (rejection !== null) return (await this.answerIfKnown(call)) ?? { kind: 'rejected', rejection };
    try {
      await request.operation.admit({ owner: authorization.from, body: request.body });
    } catch (error) {
      const known = await this.answerIfKnown(call);
      if (known === null) throw error;
      return known;
    }
    return this.claimAndRun(call);
  }

  private rejectionOf({ request: { payload, terms }, deadlineMs }: Call): Rejection | null {
    return rejectionOfTerms(payload, {
      payTo: terms.payTo,
      asset: terms.network.usdc,
      priceAtomic: terms.priceAtomic,
      houseWallets: this.options.houseWallets,
      minTimeLeftMs: minTimeLeftMs(deadlineMs),
      nowMs: Date.now(),
    });
  }

  private async claimAndRun(call: Call): Promise<PaidOutcome> {
    const { request, fingerprint } = call;
    const { payload, operation, requestId } = request;
    const claimed = await this.claims.claim({
      key: call.key,
      operation: operation.name,
      x402Version: payload.x402Version,
      authorization: payload.authorization,
      signature: payload.signature,
      payerKind: call.payerKind,
      priceAtomic: request.terms.priceAtomic,
      feeAtomic: request.terms.feeAtomic,
      priceListVersion: request.terms.priceListVersion,
      fingerprint,
      method: request.method,
      path: request.path,
      bodySha256: call.bodySha256,
      paymentIdentifier: payload.paymentIdentifier,
      mayAnswerEarly: this.options.answersEarly && operation.mayAnswerEarly === true,
    });
    if (claimed.kind === 'rejected') return claimed;
    if (claimed.kind === 'existing') return this.answerKnown(claimed.payment, call);
    if (claimed.kind === 'identifier_taken') return this.answerTwin(call);

    const { payment } = claimed;
    const answer = await this.executor.execute({
      payment,
      operation,
      deadlineMs: call.deadlineMs,
      requestId,
      run: () => request.run({ owner: payment.key.payer, operationId: payment.operationId }),
    });
    if (answer === null) return this.outcomes.ofKnown(payment, requestId);
    return this.outcomes.ofCompleted(payment, answer, requestId);
  }

  /** Null when nobody knows the payment, or when it may be claimed again. */
  private async answerIfKnown(call: Call): Promise<PaidOutcome | null> {
    const known = await this.store.find(call.key);
    return known === null || mayClaimAgain(known, call.fingerprint) ? null : this.answerKnown(known, call);
  }

  /**
   * The wallet has another payment for a request of this name: its answer, and this authorization is not touched. Another
   * request of the same name is a conflict. Null when the name is new, or this very authorization's.
   */
  private async answerIfNamedBefore({ request, key, bodySha256 }: Call): Promise<PaidOutcome | null> {
    const { paymentIdentifier } = request.payload;
    const held = paymentIdentifier === null ? null : await this.store.findByIdentifier(key, paymentIdentifier);
    if (held === null || held.payment.key.nonce === key.nonce) return null;
    const { payment } = held;
    if (held.method === request.method && held.path === request.path && held.bodySha256 === bodySha256)
      return this.outcomes.ofKnown(payment, request.requestId);
    return { kind: 'error', error: new TollboxError('payment_identifier_reused'), charged: false, payment };
  }

  /** A twin took the name while this one was on its way. */
  private async answerTwin(call: Call): Promise<PaidOutcome> {
    const twin = await this.answerIfNamedBefore(call);
    if (twin !== null) return twin;
    // The twin ended unpaid meanwhile and let go of the name: the same header is good for another try.
    throw new TollboxError('operation_in_progress', { retryAfterSeconds: 1 });
  }

  private async answerKnown(payment: Payment, { fingerprint, request }: Call): Promise<PaidOutcome> {
    if (payment.fingerprint !== fingerprint)
      return { kind: 'error', error: new TollboxError('payment_reused'), charged: chargedOf(payment), payment };
    return this.outcomes.ofKnown(payment, request.requestId);
  }
}

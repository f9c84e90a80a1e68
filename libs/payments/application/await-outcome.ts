import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { ERRORS, type ErrorCode } from '@tollbox/platform/errors/registry';
import { chargedOf, type Payment, type StoredAnswer } from '../domain/payment';
import type { PaidOutcome } from './outcomes';
import type { PaymentSignals, PaymentStore } from './ports/payment-store';
import type { RecoverClaim } from './recover-claim';

/** The table is read at least this often while waiting, whether or not a signal came. */
const LOOK_AGAIN_MS = 1_000;
const RETRY_AFTER_S = 2;

/**
 * Follows a payment to its end and gives what the payer gets: the stored answer whatever the time, price or balance is
 * now, or a 503 that asks him to come back with the same header.
 */
export class AwaitOutcome {
  constructor(
    private readonly store: PaymentStore,
    private readonly signals: PaymentSignals,
    private readonly recover: RecoverClaim,
    private readonly maxWaitMs: number,
  ) {}

  /** Of a payment that somebody else claimed, or that its process could not complete. */
  async ofKnown(known: Payment, requestId: string): Promise<PaidOutcome> {
    return this.follow(known, await this.store.refresh(known), requestId, null);
  }

  /** Of a payment that this process has just completed with `answer`: only its settlement is awaited. */
  async ofCompleted(payment: Payment, answer: StoredAnswer, requestId: string): Promise<PaidOutcome> {
    if (payment.settlementMode === 'optimistic') return { kind: 'released', payment, answer };
    await this.signals.changed(payment.id, LOOK_AGAIN_MS);
    return this.follow(payment, await this.store.refresh(payment), requestId, answer);
  }

  private async follow(seen: Payment, now: Payment, requestId: string, answer: StoredAnswer | null): Promise<PaidOutcome> {
    const endsAtMs = Date.now() + this.maxWaitMs;
    for (let payment = now; ;) {
      const outcome = await this.finalOutcome(payment, payment.attempt === seen.attempt ? answer : null);
      if (outcome !== null) return outcome;
      const remainingMs = endsAtMs - Date.now();
      if (remainingMs <= 0) return pendingOutcome(payment);
      const changed = this.signals.changed(payment.id, Math.min(LOOK_AGAIN_MS, remainingMs));
      if (payment.state === 'claimed' && payment.leaseExpired) await this.recover.recover(payment, requestId);
      else await changed;
      payment = await this.store.refresh(payment);
    }
  }

  /** Null while the payment is on its way. The answer's bytes are read only now: waiting must stay cheap. */
  private async finalOutcome(payment: Payment, own: StoredAnswer | null): Promise<PaidOutcome | null> {
    switch (payment.state) {
      case 'claimed':
        return null;
      case 'settled':
        return this.withAnswer(payment, own, (answer) => ({ kind: 'paid', payment, answer }));
      case 'voided': {
        const answer = await this.store.readAnswer(payment.id);
        if (answer === null) return { kind: 'error', error: new TollboxError(voidErrorCode(payment)), charged: false, payment };
        return { kind: 'voided', payment, answer };
      }
      case 'failed':
      case 'expired':
        return this.releasedOr(payment, own, { kind: 'refused', payment });
      case 'queued':
      case 'broadcast':
      case 'unknown':
        return this.releasedOr(payment, own, null);
    }
  }

  /** An answer that was given before settlement is given again, whatever became of its payment. */
  private async releasedOr(
    payment: Payment,
    own: StoredAnswer | null,
    otherwise: PaidOutcome | null,
  ): Promise<PaidOutcome | null> {
    if (payment.settlementMode !== 'optimistic') return otherwise;
    return this.withAnswer(payment, own, (answer) => ({ kind: 'released', payment, answer }));
  }

  private async withAnswer(
    payment: Payment,
    own: StoredAnswer | null,
    outcome: (answer: StoredAnswer) => PaidOutcome,
  ): Promise<PaidOutcome> {
    const answer = own ?? (payment.answerExpired ? null : await this.store.readAnswer(payment.id));
    if (answer !== null) return outcome(answer);
    return { kind: 'error', error: new TollboxError('answer_expired'), charged: chargedOf(payment), payment };
  }
}

function voidErrorCode(payment: Payment): ErrorCode {
  const code = payment.voidCode;
  return code !== null && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'execution_lost';
}

function pendingOutcome(payment: Payment): PaidOutcome {
  const code = payment.state === 'claimed' ? 'operation_in_progress' : 'settlement_pending';
  const error = new TollboxError(code, { retryAfterSeconds: RETRY_AFTER_S });
  return { kind: 'error', error, charged: chargedOf(payment), payment };
}

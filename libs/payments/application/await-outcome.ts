import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { ERRORS, type ErrorCode } from '@tollbox/platform/errors/registry';
import { chargedOf, type Payment } from '../domain/payment';
import type { PaidOutcome } from './outcomes';
import type { PaymentSignals, PaymentStore } from './ports/payment-store';
import type { RecoverClaim } from './recover-claim';

/** The table is read at least this often while waiting, whether or not a signal came. */
const LOOK_AGAIN_MS = 250;
const RETRY_AFTER_S = 2;

/**
 * Follows a known payment to its end and gives what the payer gets: the stored answer whatever the time, price or
 * balance is now, or a 503 that asks him to come back with the same header.
 */
export class AwaitOutcome {
  constructor(
    private readonly store: PaymentStore,
    private readonly signals: PaymentSignals,
    private readonly recover: RecoverClaim,
    private readonly maxWaitMs: number,
  ) {}

  async awaitOutcome(paymentId: string, requestId: string): Promise<PaidOutcome> {
    const endsAtMs = Date.now() + this.maxWaitMs;
    for (;;) {
      const remainingMs = endsAtMs - Date.now();
      const changed = this.signals.changed(paymentId, Math.max(1, Math.min(LOOK_AGAIN_MS, remainingMs)));
      const payment = await this.store.findById(paymentId);
      if (payment === null) throw new Error(`payment ${paymentId} is gone`);
      const outcome = await this.finalOutcome(payment);
      if (outcome !== null) return outcome;
      if (remainingMs <= 0) return pendingOutcome(payment);
      if (payment.state === 'claimed' && payment.leaseExpired) await this.recover.recover(payment, requestId);
      else await changed;
    }
  }

  /** Null while the payment is on its way. The answer's bytes are read only now: waiting must stay cheap. */
  private async finalOutcome(payment: Payment): Promise<PaidOutcome | null> {
    switch (payment.state) {
      case 'settled': {
        const answer = payment.answerExpired ? null : await this.store.readAnswer(payment.id);
        if (answer === null) return { kind: 'error', error: new TollboxError('answer_expired'), charged: true, payment };
        return { kind: 'paid', payment, answer };
      }
      case 'voided': {
        const answer = await this.store.readAnswer(payment.id);
        if (answer === null) return { kind: 'error', error: new TollboxError(voidErrorCode(payment)), charged: false, payment };
        return { kind: 'voided', payment, answer };
      }
      case 'failed':
      case 'expired':
        return { kind: 'refused', payment };
      case 'claimed':
      case 'executed':
      case 'queued':
      case 'broadcast':
      case 'unknown':
        return null;
    }
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

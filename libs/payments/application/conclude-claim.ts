import { errorBody, TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { OperationAnswer, OperationOutcome } from '@tollbox/platform/operations/operation';
import type { StoredAnswer } from '../domain/payment';
import type { ClaimRef, PaymentStore } from './ports/payment-store';

/** Serialises an answer once; these bytes are stored, sent, and sent again to every replay. */
export function storedAnswer(answer: OperationAnswer): StoredAnswer {
  return { status: answer.status, body: Buffer.from(JSON.stringify(answer.body), 'utf8') };
}

export function storedError(error: TollboxError, requestId: string): StoredAnswer {
  return storedAnswer({ status: error.definition.status, body: errorBody(error, { charged: false, requestId }) });
}

/** Ends a claim: as complete when the operation is done, as void when it is not. */
export class ConcludeClaim {
  constructor(
    private readonly store: PaymentStore,
    private readonly answerRetentionMs: number,
  ) {}

  /** False when the claim is no longer held by this process. */
  complete(claim: ClaimRef, answer: OperationAnswer): Promise<boolean> {
    return this.store.complete(claim, storedAnswer(answer), this.answerRetentionMs);
  }

  /** The operation said that it was not done. The same header is good again when repeating can help. */
  void(claim: ClaimRef, error: TollboxError, requestId: string): Promise<boolean> {
    return this.store.void(claim, {
      code: error.code,
      retryable: error.definition.retryable,
      answer: storedError(error, requestId),
      actor: claim.leaseHolder,
    });
  }

  /** What a process that died, or threw something unexpected, left behind. */
  fromOutcome(claim: ClaimRef, outcome: OperationOutcome, requestId: string): Promise<boolean> {
    switch (outcome.kind) {
      case 'done':
        return this.complete(claim, outcome.answer);
      case 'not_started':
        return this.void(claim, new TollboxError('operation_interrupted', { retryAfterSeconds: 1 }), requestId);
      case 'unknown':
        return this.void(claim, new TollboxError('execution_lost'), requestId);
    }
  }
}

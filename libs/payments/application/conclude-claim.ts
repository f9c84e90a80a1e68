import { errorBody, TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { AnswerBytes, type OperationAnswer, type OperationOutcome } from '@tollbox/platform/operations/operation';
import type { StoredAnswer } from '../domain/payment';
import type { ClaimRef, PaymentStore } from './ports/payment-store';

/** Serialises an answer once; these bytes are stored, sent, and sent again to every replay. */
export function storedAnswer(answer: OperationAnswer): StoredAnswer {
  const { status, body } = answer;
  if (status === 204) return { status, body: Buffer.alloc(0), mediaType: null };
  if (body instanceof AnswerBytes) return { status, body: Buffer.from(body.bytes), mediaType: body.mediaType };
  return { status, body: Buffer.from(JSON.stringify(body), 'utf8'), mediaType: null };
}

export function storedError(error: TollboxError, requestId: string): StoredAnswer {
  return storedAnswer({ status: error.definition.status, body: errorBody(error, { charged: false, requestId }) });
}

export interface Conclusion {
  /** False when the claim was no longer held: somebody else has decided. */
  readonly held: boolean;
  /** The answer that the payment was completed with; its bytes need not be read back. */
  readonly completedWith: StoredAnswer | null;
}

/** Ends a claim: as complete when the operation is done, as void when it is not. */
export class ConcludeClaim {
  constructor(
    private readonly store: PaymentStore,
    private readonly answerRetentionMs: number,
  ) {}

  async complete(claim: ClaimRef, answer: OperationAnswer): Promise<Conclusion> {
    const stored = storedAnswer(answer);
    const held = await this.store.complete(claim, stored, this.answerRetentionMs);
    return { held, completedWith: held ? stored : null };
  }

  /** The operation said that it was not done. The same header is good again when repeating can help. */
  async void(claim: ClaimRef, error: TollboxError, requestId: string): Promise<Conclusion> {
    const held = await this.store.void(claim, {
      code: error.code,
      retryable: error.definition.retryable,
      answer: storedError(error, requestId),
      actor: claim.leaseHolder,
    });
    return { held, completedWith: null };
  }

  /** What a process that died, or threw something unexpected, left behind. */
  fromOutcome(claim: ClaimRef, outcome: OperationOutcome, requestId: string): Promise<Conclusion> {
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

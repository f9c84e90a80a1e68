import { z } from 'zod';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Operation, OperationAnswer, OperationOutcome } from '@tollbox/platform/operations/operation';

/**
 * Work that is recorded under its operation id, as sandboxes record theirs: who writes the id first decides whether it
 * was started or given up.
 */
export class ModelWork {
  private readonly states = new Map<string, 'started' | 'given_up' | 'lost' | OperationAnswer>();
  private readonly startedFor: string[] = [];
  readonly revoked = new Set<string>();

  /** @param paidBy names the authorization that pays. */
  start(operationId: string, paidBy: string): Promise<void> {
    if (this.states.has(operationId)) throw new TollboxError('operation_interrupted');
    this.states.set(operationId, 'started');
    this.startedFor.push(paidBy);
    return Promise.resolve();
  }

  finish(operationId: string): Promise<OperationAnswer> {
    if (this.states.get(operationId) !== 'started') throw new TollboxError('execution_lost');
    const answer = { status: 200, body: { operationId } };
    this.states.set(operationId, answer);
    return Promise.resolve(answer);
  }

  outcomeOf(operationId: string): Promise<OperationOutcome> {
    const state = this.states.get(operationId);
    if (typeof state === 'object') return Promise.resolve({ kind: 'done', answer: state });
    const mayHaveRun = state === 'started' || state === 'lost';
    this.states.set(operationId, mayHaveRun ? 'lost' : 'given_up');
    return Promise.resolve({ kind: mayHaveRun ? 'unknown' : 'not_started' });
  }

  revoke(operationId: string): Promise<void> {
    this.revoked.add(operationId);
    return Promise.resolve();
  }

  isDone(operationId: string): boolean {
    return typeof this.states.get(operationId) === 'object';
  }

  /** What was started may have been done, whatever is known of it: an authorization pays for one start. */
  checkOnce(): void {
    if (new Set(this.startedFor).size !== this.startedFor.length)
      throw new Error(`started more than once: ${this.startedFor.join(', ')}`);
  }
}

const NOTHING = z.object({});

/** The operation as payments see it. */
export class ModelOperation implements Operation<object> {
  readonly body = NOTHING;
  readonly answer = NOTHING;

  constructor(
    readonly name: string,
    readonly mayAnswerEarly: boolean,
    private readonly work: ModelWork,
  ) {}

  deadlineMs(): number {
    return 1_000;
  }

  admit(): Promise<void> {
    return Promise.resolve();
  }

  outcomeOf(operationId: string): Promise<OperationOutcome> {
    return this.work.outcomeOf(operationId);
  }

  revoke(operationId: string): Promise<void> {
    return this.work.revoke(operationId);
  }
}

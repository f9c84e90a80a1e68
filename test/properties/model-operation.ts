import { z } from 'zod';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Operation, OperationAnswer, OperationOutcome } from '@tollbox/platform/operations/operation';

/**
 * Work that is recorded under its operation id, as sandboxes record theirs: who writes the id first decides whether it
 * was started or given up.
 */
export class ModelWork {
  private readonly states = new Map<string, 'started' | 'given_up' | OperationAnswer>();
  readonly revoked = new Set<string>();

  start(operationId: string): Promise<void> {
    if (this.states.has(operationId)) throw new TollboxError('operation_interrupted');
    this.states.set(operationId, 'started');
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
    this.states.set(operationId, 'given_up');
    return Promise.resolve({ kind: state === 'started' ? 'unknown' : 'not_started' });
  }

  revoke(operationId: string): Promise<void> {
    this.revoked.add(operationId);
    return Promise.resolve();
  }

  isDone(operationId: string): boolean {
    return typeof this.states.get(operationId) === 'object';
  }

  get doneCount(): number {
    return [...this.states.values()].filter((state) => typeof state === 'object').length;
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

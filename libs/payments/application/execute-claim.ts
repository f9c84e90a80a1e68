import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Operation, OperationAnswer } from '@tollbox/platform/operations/operation';
import type { Payment, StoredAnswer } from '../domain/payment';
import type { ConcludeClaim, Conclusion } from './conclude-claim';
import type { ClaimRef, PaymentStore } from './ports/payment-store';

/** A handler that outlives its deadline by this much stops renewing its claim, and the claim is recovered. */
const OVERTIME_MS = 15_000;

export interface Execution {
  readonly payment: Payment;
  readonly operation: Operation;
  readonly deadlineMs: number;
  readonly requestId: string;
  /** Runs the operation under the payment's operation id. */
  run(): Promise<OperationAnswer>;
}

export interface ExecuteClaimOptions {
  readonly leaseHolder: string;
  readonly leaseMs: number;
  readonly onProblem: (error: unknown, what: string) => void;
}

/**
 * Runs a claimed operation and ends its claim. The claim is renewed while the operation runs. When the claim was lost
 * all the same, somebody else has decided; work that was voided there is taken back here.
 */
export class ExecuteClaim {
  constructor(
    private readonly store: PaymentStore,
    private readonly conclude: ConcludeClaim,
    private readonly phases: PhaseObserver,
    private readonly options: ExecuteClaimOptions,
  ) {}

  /** The answer that was stored, when it was this call that completed the payment. */
  async execute(execution: Execution): Promise<StoredAnswer | null> {
    const { payment, operation } = execution;
    const claim: ClaimRef = {
      paymentId: payment.id,
      attempt: payment.attempt,
      leaseHolder: this.options.leaseHolder,
      ...(payment.rail === 'credit' ? { creditWallet: payment.key.payer } : {}),
    };
    const stopRenewing = this.renewWhileRunning(claim, execution.deadlineMs);
    try {
      this.phases.reached('claimed');
      const { held, completedWith } = await this.runAndConclude(claim, execution);
      if (!held) await this.takeBackIfVoided(claim, operation, payment.operationId);
      this.phases.reached('queued');
      return completedWith;
    } finally {
      stopRenewing();
    }
  }

  private async runAndConclude(claim: ClaimRef, execution: Execution): Promise<Conclusion> {
    let answer: OperationAnswer;
    try {
      answer = await execution.run();
    } catch (error) {
      if (error instanceof TollboxError) return this.conclude.void(claim, error, execution.requestId);
      // Not an answer of the operation but an accident in it: only its records tell what was done.
      this.options.onProblem(error, `operation ${execution.operation.name} ${execution.payment.operationId}`);
      const outcome = await execution.operation.outcomeOf(execution.payment.operationId);
      return this.conclude.fromOutcome(claim, outcome, execution.requestId);
    }
    this.phases.reached('operation_done');
    return this.conclude.complete(claim, answer);
  }

  private async takeBackIfVoided(claim: ClaimRef, operation: Operation, operationId: string): Promise<void> {
    const now = await this.store.findById(claim.paymentId);
    const stillOurs = now?.attempt === claim.attempt && now.state !== 'voided';
    if (!stillOurs) await operation.revoke(operationId);
  }

  private renewWhileRunning(claim: ClaimRef, deadlineMs: number): () => void {
    const endsAtMs = Date.now() + deadlineMs + OVERTIME_MS;
    const timer = setInterval(
      () => {
        if (Date.now() > endsAtMs) return clearInterval(timer);
        this.store
          .renewLease(claim, this.options.leaseMs)
          .catch((error: unknown) => this.options.onProblem(error, 'renewing a claim'));
      },
      Math.ceil(this.options.leaseMs / 3),
    );
    timer.unref();
    return () => clearInterval(timer);
  }
}

import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Facilitator, FacilitatorStore, Submission } from './ports/facilitator';
import type { ResolveSubmission } from './resolve-submission';

/** Asks the facilitator to settle what is recorded as handed over, many at once, behind the loop. */
export class AskFacilitator {
  private readonly running = new Map<string, Promise<void>>();

  constructor(
    private readonly facilitator: Facilitator,
    private readonly store: FacilitatorStore,
    private readonly resolve: ResolveSubmission,
    private readonly phases: PhaseObserver,
    private readonly onProblem: (error: unknown, what: string) => void,
  ) {}

  get inFlight(): number {
    return this.running.size;
  }

  isRunning(submission: Submission): boolean {
    return this.running.has(submission.id);
  }

  start(submission: Submission): void {
    const asked = this.ask(submission)
      .catch((error: unknown) => this.onProblem(error, `settling payment ${submission.payment.id}`))
      .finally(() => this.running.delete(submission.id));
    this.running.set(submission.id, asked);
  }

  /** Waits for what is asked now; every question has a deadline. */
  async drain(): Promise<void> {
    await Promise.all(this.running.values());
  }

  private async ask(submission: Submission): Promise<void> {
    const answer = await this.facilitator.settle(submission.payment);
    this.phases.reached('transaction_sent');
    await this.store.record(submission, answer);
    if ('reason' in answer)
      this.onProblem(new Error(`${answer.kind}: ${answer.reason}`), `settling payment ${submission.payment.id}`);
    await this.resolve.resolveNow({
      ...submission,
      answer: answer.kind,
      reason: 'reason' in answer ? answer.reason : null,
      transactionHash: 'transactionHash' in answer ? answer.transactionHash : null,
    });
  }
}

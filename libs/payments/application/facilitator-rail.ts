import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Payment } from '../domain/payment';
import type { AskFacilitator } from './ask-facilitator';
import type { LookAtTransfer } from './look-at-transfer';
import { FacilitatorUnavailableError, type Facilitator, type FacilitatorStore, type Submission } from './ports/facilitator';
import type { FollowReport, SendReport, SettlementRail } from './ports/settlement-rail';
import type { Lease, SettlementStore, Verdict } from './ports/settlement-store';
import type { ResolvePayment } from './resolve-payment';
import type { ResolveSubmission } from './resolve-submission';
import { RetryPauses } from './retry-pauses';

export interface FacilitatorRailOptions {
  readonly leaseName: string;
  /** Questions that are open at the facilitator at once. */
  readonly maxConcurrent: number;
  /** What may have been settled is asked for again only after this time, when the chain still shows nothing. */
  readonly askAgainAfterMs: number;
  readonly onProblem: (error: unknown, what: string) => void;
}

export interface FacilitatorRailParts {
  readonly facilitator: Facilitator;
  readonly store: FacilitatorStore;
  readonly settlements: SettlementStore;
  readonly resolve: ResolvePayment;
  readonly submissions: ResolveSubmission;
  readonly look: LookAtTransfer;
  readonly asker: AskFacilitator;
  readonly phases: PhaseObserver;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** What was not sent at all is asked for again after this time. */
const NOT_SENT_RETRY_MS = 500;
/** While all places are taken, the queue is looked at this often. */
const FULL_RETRY_MS = 20;
const MAX_OPEN_LOOKED_AT = 500;

type HandOver = Verdict | 'handed_over' | 'kept' | 'facilitator_down';

/**
 * Settles through a facilitator over HTTP. The order of steps is that of a key: read the chain, ask whether it would be
 * taken, record it as sent, ask to settle. After that only the chain decides.
 */
export class FacilitatorRail implements SettlementRail {
  readonly leaseName: string;
  private readonly pauses = new RetryPauses(FIRST_RETRY_MS, LAST_RETRY_MS);
  private down = { untilMs: 0, pauseMs: FIRST_RETRY_MS };

  constructor(
    private readonly parts: FacilitatorRailParts,
    private readonly options: FacilitatorRailOptions,
  ) {
    this.leaseName = options.leaseName;
  }

  async send(lease: Lease): Promise<SendReport> {
    const nowMs = Date.now();
    if (nowMs < this.down.untilMs) return { taken: 0, lookAgainMs: this.down.untilMs - nowMs };
    const room = this.options.maxConcurrent - this.parts.asker.inFlight;
    if (room <= 0) return { taken: 0, lookAgainMs: FULL_RETRY_MS };
    const queued = await this.parts.store.listQueued(room, this.pauses.waiting());
    const outcomes = await Promise.all(queued.map((payment) => this.handOver(lease, payment)));
    const verdicts = outcomes.filter((outcome): outcome is Verdict => typeof outcome === 'object');
    const decided = await this.parts.settlements.decide(verdicts);
    this.noteDown(outcomes.includes('facilitator_down'));
    return { taken: decided + outcomes.filter((outcome) => outcome === 'handed_over').length, lookAgainMs: null };
  }

  async follow(lease: Lease): Promise<FollowReport> {
    const open = await this.parts.store.listOpen(MAX_OPEN_LOOKED_AT);
    const states = await Promise.all(open.map((submission) => this.followOne(lease, submission)));
    const ended = states.filter((state) => state === 'ended').length;
    return { open: open.length - ended, ended };
  }

  stop(): Promise<void> {
    return this.parts.asker.drain();
  }

  private async handOver(lease: Lease, payment: Payment): Promise<HandOver> {
    try {
      const outcome = await this.handOverOrThrow(lease, payment);
      if (outcome === 'kept' || outcome === 'facilitator_down') this.pauses.note(payment.id);
      return outcome;
    } catch (error) {
      this.pauses.note(payment.id);
      if (error instanceof FacilitatorUnavailableError) {
        this.options.onProblem(error, 'asking the facilitator');
        return 'facilitator_down';
      }
      this.options.onProblem(error, `checking payment ${payment.id}`);
      return 'kept';
    }
  }

  private async handOverOrThrow(lease: Lease, payment: Payment): Promise<HandOver> {
    const { facilitator, store, resolve, look, asker, phases } = this.parts;
    const outlook = await look.outlook(payment);
    if (outlook.kind === 'used') return (await resolve.fromUsedNonce(payment)) ?? 'kept';
    if (outlook.kind === 'refused') return (await resolve.fromRefusal(payment, outlook.reason)) ?? 'kept';
    const verified = await facilitator.verify(payment);
    if (verified.kind === 'invalid') {
      // The chain would take it, so nothing is decided: the authorization is good until its time is over.
      this.options.onProblem(new Error(verified.reason), `the facilitator does not take payment ${payment.id}`);
      return 'kept';
    }
    const submission = await store.submit(lease, payment);
    if (submission === null) return 'kept';
    phases.reached('transaction_stored');
    asker.start(submission);
    return 'handed_over';
  }

  private async followOne(lease: Lease, submission: Submission): Promise<'ended' | 'open'> {
    const { asker, submissions, store } = this.parts;
    if (asker.isRunning(submission)) return 'open';
    try {
      const state = await submissions.resolveNow(submission);
      if (state !== 'payable') return state;
      if (submission.askedMsAgo < this.pauseBeforeAsking(submission) || asker.inFlight >= this.options.maxConcurrent)
        return 'open';
      const again = await store.askAgain(lease, submission);
      if (again !== null) asker.start(again);
    } catch (error) {
      this.options.onProblem(error, `following payment ${submission.payment.id}`);
    }
    return 'open';
  }

  private pauseBeforeAsking({ answer }: Submission): number {
    return answer === 'not_sent' ? NOT_SENT_RETRY_MS : this.options.askAgainAfterMs;
  }

  private noteDown(isDown: boolean): void {
    if (!isDown) this.down = { untilMs: 0, pauseMs: FIRST_RETRY_MS };
    else
      this.down = {
        untilMs: Date.now() + this.down.pauseMs,
        pauseMs: Math.min(this.down.pauseMs * 2, LAST_RETRY_MS),
      };
  }
}

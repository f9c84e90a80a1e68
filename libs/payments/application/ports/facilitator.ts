import type { SettleAnswer, VerifyAnswer } from '../../domain/facilitator';
import type { Hex } from '../../domain/networks';
import type { Payment } from '../../domain/payment';
import type { Lease } from './settlement-store';

/** The facilitator did not answer, or answered nonsense, to a question that changes nothing. */
export class FacilitatorUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FacilitatorUnavailableError';
  }
}

/** Somebody else who brings authorizations to the chain. What it says is a hint; the chain decides. */
export interface Facilitator {
  /** Rejects FacilitatorUnavailableError. */
  verify(payment: Payment): Promise<VerifyAnswer>;
  /** Never rejects: not knowing is an answer. */
  settle(payment: Payment): Promise<SettleAnswer>;
}

/** A payment that was handed over in one of its rounds. */
export interface Submission {
  readonly id: string;
  /** As it is now; it may have moved on. */
  readonly payment: Payment;
  readonly round: number;
  /** How often the facilitator was asked to settle it. */
  readonly asks: number;
  readonly askedMsAgo: number;
  /** `none`: asked, and no answer is recorded. */
  readonly answer: SettleAnswer['kind'] | 'none';
  readonly reason: string | null;
  readonly transactionHash: Hex | null;
}

export interface FacilitatorStore {
  /** Queued payments, alternately those of waiting payers and those that expire first; none while settlement is paused. */
  listQueued(limit: number, except: readonly string[]): Promise<readonly Payment[]>;
  /**
   * Records, under proof of the lease, that the payment is about to be handed over: queued → broadcast. Null when it was
   * not queued any more; rejects LeaseLostError.
   */
  submit(lease: Lease, payment: Payment): Promise<Submission | null>;
  /** Records that it is about to be asked once more; null when somebody else did so. Rejects LeaseLostError. */
  askAgain(lease: Lease, submission: Submission): Promise<Submission | null>;
  record(submission: Submission, answer: SettleAnswer): Promise<void>;
  listOpen(limit: number): Promise<readonly Submission[]>;
  /** Closes it if its payment has left the round open no longer, and books the fee if the facilitator settled it. */
  close(submission: Submission): Promise<void>;
}

import type { PaymentSignals } from './ports/payment-store';
import type { SettlementRail } from './ports/settlement-rail';
import { LeaseLostError, type Lease, type SettlementStore } from './ports/settlement-store';

export interface SettlementLoopOptions {
  readonly leaseHolder: string;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** First pause while something is on its way; it doubles up to the poll interval. */
const FIRST_PAUSE_MS = 4;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits for a time or for `wake`, whichever comes first. */
class Alarm {
  private ring: (() => void) | null = null;
  private isRung = false;

  wake(): void {
    this.isRung = true;
    this.ring?.();
  }

  async wait(ms: number): Promise<void> {
    if (!this.isRung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.ring = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.ring = null;
    }
    this.isRung = false;
  }
}

/**
 * Drives one rail. Any number of workers may run it; the lease lets one of them act. Sending and following run beside
 * each other: while one batch waits for its block, what gathers meanwhile is the next one.
 */
export class SettlementLoop {
  private stopping = false;
  private running: Promise<unknown> | null = null;
  private lease: Lease | null = null;
  private asking: Promise<void> | null = null;
  private askAgainAtMs = 0;
  private readonly sender = new Alarm();
  private readonly follower = new Alarm();

  constructor(
    private readonly rail: SettlementRail,
    private readonly store: SettlementStore,
    private readonly signals: PaymentSignals,
    private readonly options: SettlementLoopOptions,
  ) {}

  start(): void {
    this.running ??= Promise.all([this.listen(), this.sendQueued(), this.followOpen()]);
  }

  /** Ends after the steps that run now. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.sender.wake();
    this.follower.wake();
    await this.running;
    await this.rail.stop?.();
    const lease = this.lease;
    this.lease = null;
    if (lease !== null)
      await this.store.releaseLease(lease).catch((error: unknown) => this.options.onProblem(error, 'releasing the lease'));
  }

  private async listen(): Promise<void> {
    while (!this.stopping) {
      await this.signals.queued(this.options.pollMs);
      this.sender.wake();
      await nextTurn(); // signals that are closed answer at once
    }
  }

  private async sendQueued(): Promise<void> {
    while (!this.stopping) {
      const report = await this.attempt('sending queued payments', (lease) => this.rail.send(lease));
      if (report !== null && report.taken > 0) {
        this.follower.wake();
        continue; // more may be queued than one batch could take
      }
      await this.sender.wait(Math.min(report?.lookAgainMs ?? this.options.pollMs, this.options.pollMs));
    }
  }

  private async followOpen(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    let openBefore = 0;
    while (!this.stopping) {
      const report = await this.attempt('following open transactions', (lease) => this.rail.follow(lease));
      const { open, ended } = report ?? { open: 0, ended: 0 };
      if (ended > 0) this.sender.wake(); // there is room again
      pauseMs = ended > 0 || open > openBefore ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, this.options.pollMs);
      openBefore = open;
      await this.follower.wait(open > 0 ? pauseMs : this.options.pollMs);
    }
  }

  /** Null when the lease is somebody else's, or the step failed. */
  private async attempt<T>(what: string, step: (lease: Lease) => Promise<T>): Promise<T | null> {
    try {
      const lease = await this.heldLease();
      return lease === null ? null : await step(lease);
    } catch (error) {
      if (error instanceof LeaseLostError) this.lease = null;
      this.options.onProblem(error, what);
      return null;
    }
  }

  /** Storing proves the lease in any case; renewing it early keeps others from taking it. */
  private async heldLease(): Promise<Lease | null> {
    if (Date.now() >= this.askAgainAtMs) this.asking ??= this.askForLease().finally(() => (this.asking = null));
    if (this.asking !== null) await this.asking;
    return this.lease;
  }

  private async askForLease(): Promise<void> {
    const { leaseHolder, leaseMs } = this.options;
    try {
      this.lease = await this.store.acquireLease(this.rail.leaseName, leaseHolder, leaseMs);
    } finally {
      this.askAgainAtMs = Date.now() + (this.lease === null ? leaseMs / 10 : leaseMs / 3);
    }
  }
}

import type { PaymentSignals } from './ports/payment-store';
import { LeaseLostError, type Lease, type SettlementStore } from './ports/settlement-store';
import type { ResolveTransactions } from './resolve-transactions';
import type { SendQueued } from './send-queued';

export interface SettlementLoopOptions {
  /** The lease of the signing key: `settler:<network>:<address>`. */
  readonly leaseName: string;
  readonly leaseHolder: string;
  readonly leaseMs: number;
  readonly maxInFlight: number;
  readonly pollMs: number;
  readonly onProblem: (error: unknown, what: string) => void;
}

export interface SettlementSteps {
  readonly send: SendQueued;
  readonly resolve: ResolveTransactions;
}

/** First pause while transactions are on their way; it doubles up to the poll interval. */
const FIRST_PAUSE_MS = 10;

/** Drives the settlement queue of one signing key. Any number of workers may run it; the lease lets one of them sign. */
export class SettlementLoop {
  private stopping = false;
  private running: Promise<void> | null = null;

  constructor(
    private readonly store: SettlementStore,
    private readonly signals: PaymentSignals,
    private readonly steps: SettlementSteps,
    private readonly options: SettlementLoopOptions,
  ) {}

  start(): void {
    this.running ??= this.loop();
  }

  /** Ends after the step that runs now. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  private async loop(): Promise<void> {
    let lease: Lease | null = null;
    let renewAtMs = 0;
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.stopping) {
      const queued = this.signals.queued(this.options.pollMs);
      let open = 0;
      let progressed = false;
      try {
        // Storing proves the lease in any case; renewing it early keeps others from taking it.
        if (lease === null || Date.now() >= renewAtMs) {
          renewAtMs = Date.now() + this.options.leaseMs / 3;
          lease = await this.store.acquireLease(this.options.leaseName, this.options.leaseHolder, this.options.leaseMs);
        }
        if (lease !== null) ({ open, progressed } = await this.pass(lease));
      } catch (error) {
        if (error instanceof LeaseLostError) lease = null;
        this.options.onProblem(error, 'settlement pass');
      }
      pauseMs = progressed ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, this.options.pollMs);
      if (progressed && open === 0) continue; // more may be queued than one pass could take
      if (open > 0) await Promise.race([queued, new Promise((resolve) => setTimeout(resolve, pauseMs))]);
      else await queued;
    }
    if (lease !== null)
      await this.store.releaseLease(lease).catch((error: unknown) => this.options.onProblem(error, 'releasing the lease'));
  }

  /** What is on its way first, then what is queued: a transaction of a dead process is found before its nonce is passed. */
  private async pass(lease: Lease): Promise<{ open: number; progressed: boolean }> {
    const before = await this.steps.resolve.resolveAll();
    const sent = await this.steps.send.send(lease, Math.max(0, this.options.maxInFlight - before));
    if (sent.length === 0) return { open: before, progressed: false };
    return { open: await this.steps.resolve.resolveAll(), progressed: true };
  }
}

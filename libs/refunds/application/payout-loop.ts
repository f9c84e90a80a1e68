import type { HeldLease } from '@tollbox/platform/database/leases';
import type { PayOut } from './pay-out';
import { LeaseLostError, type PayoutStore } from './ports/payout-store';
import type { Hex } from './ports/refund-wallet';
import type { ResolvePayouts } from './resolve-payouts';

export interface PayoutLoopOptions {
  readonly signer: Hex;
  /** The lease of the refund wallet: `refunds:<network>:<address>`. */
  readonly leaseName: string;
  readonly leaseHolder: string;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** Pays refunds out, one pass after the other. Any number of workers may run it; the lease lets one of them sign. */
export class PayoutLoop {
  private stopping = false;
  private running: Promise<void> | null = null;
  private wake: () => void = () => undefined;

  constructor(
    private readonly store: PayoutStore,
    private readonly steps: { readonly payOut: PayOut; readonly resolve: ResolvePayouts },
    private readonly options: PayoutLoopOptions,
  ) {}

  start(): void {
    this.running ??= this.loop();
  }

  /** Ends after the step that runs now, and gives the lease back. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.wake();
    await this.running;
  }

  private async loop(): Promise<void> {
    let lease: HeldLease | null = null;
    while (!this.stopping) {
      try {
        const { leaseName, leaseHolder, leaseMs } = this.options;
        lease = await this.store.acquireLease(leaseName, leaseHolder, leaseMs);
        if (lease !== null) await this.pass(lease);
      } catch (error) {
        if (error instanceof LeaseLostError) lease = null;
        this.options.onProblem(error, 'refund payout pass');
      }
      await this.pause();
    }
    if (lease !== null)
      await this.store.releaseLease(lease).catch((error: unknown) => this.options.onProblem(error, 'releasing the lease'));
  }

  /** What is on its way first, then what is queued: a payout of a dead process is found before its nonce is passed. */
  async pass(lease: HeldLease): Promise<void> {
    await this.steps.resolve.resolveAll(lease);
    await this.steps.payOut.payOut(lease, await this.store.open(this.options.signer));
    await this.steps.resolve.watchReorgs();
  }

  private pause(): Promise<void> {
    if (this.stopping) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.options.pollMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

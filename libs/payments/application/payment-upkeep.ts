import type { PaymentStore } from './ports/payment-store';
import type { RecoverClaim } from './recover-claim';
import type { RevokeRefused } from './revoke-refused';
import type { WatchReorgs } from './watch-reorgs';

export interface UpkeepOptions {
  /** Time between two looks at the newest blocks. */
  readonly reorgCheckMs: number;
  readonly onProblem: (error: unknown, what: string) => void;
}

const INTERVAL_MS = 1_000;
const BATCH = 100;

/** What keeps payments moving besides signing. Needs no lease, so every worker does it; each step is a compare-and-set. */
export class PaymentUpkeep {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private reorgsAtMs = 0;

  constructor(
    private readonly payments: PaymentStore,
    private readonly recover: RecoverClaim,
    private readonly revoke: RevokeRefused,
    private readonly reorgs: WatchReorgs,
    private readonly options: UpkeepOptions,
  ) {}

  start(): void {
    if (this.stopped) return;
    this.running = this.round();
    void this.running.then(() => {
      if (!this.stopped) this.timer = setTimeout(() => this.start(), Math.min(INTERVAL_MS, this.options.reorgCheckMs));
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.running;
  }

  private async round(): Promise<void> {
    await this.attempt('recovering claims', () => this.recover.recoverAll(BATCH, 'worker'));
    await this.attempt('taking back refused work', () => this.revoke.revokeAll(BATCH));
    await this.attempt('forgetting old answers', () => this.payments.purgeAnswers(BATCH));
    if (Date.now() >= this.reorgsAtMs) {
      this.reorgsAtMs = Date.now() + this.options.reorgCheckMs;
      await this.attempt('looking for lost blocks', () => this.reorgs.check());
    }
  }

  private async attempt(what: string, step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.options.onProblem(error, what);
    }
  }
}

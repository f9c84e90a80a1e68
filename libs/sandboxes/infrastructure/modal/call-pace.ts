/** Hands out the moments at which calls of one kind may be made, for everybody who shares the pace. */
export interface CallPace {
  /** Takes the next free moment; answers how long to wait for it. */
  reserve(): Promise<number>;
  /** The service asks to slow down: nothing is handed out for this time. */
  holdOff(forMs: number): Promise<void>;
}

/** The pace of one process alone. */
export class LocalPace implements CallPace {
  private nextAtMs = 0;

  constructor(private readonly intervalMs: number) {}

  reserve(): Promise<number> {
    const nowMs = performance.now();
    const atMs = Math.max(nowMs, this.nextAtMs);
    this.nextAtMs = atMs + this.intervalMs;
    return Promise.resolve(atMs - nowMs);
  }

  holdOff(forMs: number): Promise<void> {
    this.nextAtMs = Math.max(this.nextAtMs, performance.now() + forMs);
    return Promise.resolve();
  }
}

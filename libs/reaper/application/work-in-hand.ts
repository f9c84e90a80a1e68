interface Waiting<T> {
  readonly key: string;
  readonly item: T;
  readonly stopping: AbortSignal;
}

/** Works on what it is given, a bounded number at once and each key once, in the order in which it came. */
export class WorkInHand<T> {
  private readonly keys = new Set<string>();
  private readonly waiting: Waiting<T>[] = [];
  private readonly whenIdle: (() => void)[] = [];
  private running = 0;

  /** @param work must not reject */
  constructor(
    private readonly concurrency: number,
    private readonly work: (item: T) => Promise<void>,
  ) {}

  /** How much is waiting or under way. */
  get size(): number {
    return this.keys.size;
  }

  /** @param stopping an item whose turn comes after it is dropped */
  add(key: string, item: T, stopping: AbortSignal): void {
    if (this.keys.has(key)) return;
    this.keys.add(key);
    this.waiting.push({ key, item, stopping });
    this.startNext();
  }

  idle(): Promise<void> {
    return this.keys.size === 0 ? Promise.resolve() : new Promise((resolve) => this.whenIdle.push(resolve));
  }

  private startNext(): void {
    while (this.running < this.concurrency) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.running += 1;
      void this.run(next);
    }
  }

  private async run({ key, item, stopping }: Waiting<T>): Promise<void> {
    try {
      if (!stopping.aborted) await this.work(item);
    } finally {
      this.running -= 1;
      this.keys.delete(key);
      this.startNext();
      if (this.keys.size === 0) for (const resolve of this.whenIdle.splice(0)) resolve();
    }
  }
}

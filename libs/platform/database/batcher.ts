export interface BatcherOptions<Item, Result> {
  /** Most items of one batch. */
  readonly maxSize: number;
  /** Most weight of one batch, when items have one; a heavier item goes alone. */
  readonly maxWeight?: number;
  readonly weightOf?: (item: Item) => number;
  /** Batches that run at once. What is submitted meanwhile waits and makes up the next one. */
  readonly maxInFlight: number;
  /** A further batch starts only when the youngest one has run this long: so that one that hangs holds up no others. */
  readonly overlapAfterMs?: number;
  /** Most items that wait; one more is refused. */
  readonly maxWaiting: number;
  /** Does the work of all items and gives one result an item, in the same order. All or nothing: a rejection did nothing. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Whether an error speaks of some item and certainly left nothing behind, so that the others may run without it. */
  readonly isItemFault: (error: unknown) => boolean;
}

/** Too much waits already. */
export class BatcherFullError extends Error {
  constructor(limit: number) {
    super(`${limit} items wait for a batch already`);
    this.name = 'BatcherFullError';
  }
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Turns many single calls into few calls for many. The first call waits for the end of the turn of the event loop only;
 * under load the batches grow by themselves, because calls collect while a batch runs. A batch that fails by the fault of
 * an item is halved until the item is alone, so that it fails by itself.
 */
export class Batcher<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private inFlight = 0;
  private scheduled = false;
  private youngestStartMs = 0;
  private overlap: NodeJS.Timeout | null = null;

  constructor(private readonly options: BatcherOptions<Item, Result>) {}

  submit(item: Item): Promise<Result> {
    if (this.waiting.length >= this.options.maxWaiting) return Promise.reject(new BatcherFullError(this.options.maxWaiting));
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled || this.waiting.length === 0 || this.inFlight >= this.options.maxInFlight) return;
    this.scheduled = true;
    const go = () => {
      this.scheduled = false;
      this.overlap = null;
      this.start();
    };
    const pauseMs = this.pauseMs();
    if (pauseMs > 0) this.overlap = setTimeout(go, pauseMs);
    else setImmediate(go);
  }

  /** How long the next batch still has to wait for the one before it. */
  private pauseMs(): number {
    if (this.inFlight === 0) return 0;
    return this.youngestStartMs + (this.options.overlapAfterMs ?? 0) - performance.now();
  }

  private start(): void {
    while (this.waiting.length > 0 && this.inFlight < this.options.maxInFlight && this.pauseMs() <= 0) {
      this.inFlight += 1;
      this.youngestStartMs = performance.now();
      void this.settle(this.take()).then(() => this.ended());
    }
    this.schedule();
  }

  private ended(): void {
    this.inFlight -= 1;
    if (this.inFlight === 0 && this.overlap !== null) {
      clearTimeout(this.overlap);
      this.overlap = null;
      this.scheduled = false;
    }
    this.schedule();
  }

  private take(): Waiting<Item, Result>[] {
    const { maxSize, maxWeight = Infinity, weightOf = () => 0 } = this.options;
    let weight = 0;
    let count = 0;
    for (const { item } of this.waiting) {
      weight += weightOf(item);
      if (count === maxSize || (count > 0 && weight > maxWeight)) break;
      count += 1;
    }
    const batch = this.waiting.slice(0, count);
    this.waiting = this.waiting.slice(count);
    return batch;
  }

  private async settle(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.options.run(batch.map(({ item }) => item));
      if (results.length !== batch.length) throw new Error(`a batch of ${batch.length} gave ${results.length} results`);
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      if (batch.length === 1 || !this.options.isItemFault(error)) {
        for (const { reject } of batch) reject(error);
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await this.settle(batch.slice(0, half));
      await this.settle(batch.slice(half));
    }
  }
}

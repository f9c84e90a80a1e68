/** When to look again at what stayed open: after a pause that doubles. */
export class RetryPauses {
  private readonly retries = new Map<string, { atMs: number; pauseMs: number }>();

  constructor(
    private readonly firstMs: number,
    private readonly lastMs: number,
  ) {}

  note(id: string): void {
    const pauseMs = Math.min((this.retries.get(id)?.pauseMs ?? this.firstMs / 2) * 2, this.lastMs);
    this.retries.set(id, { atMs: Date.now() + pauseMs, pauseMs });
  }

  forget(id: string): void {
    this.retries.delete(id);
  }

  /** Those whose next look is not due. One that nobody noted for long is forgotten. */
  waiting(): string[] {
    const nowMs = Date.now();
    for (const [id, { atMs }] of this.retries) if (atMs + 2 * this.lastMs < nowMs) this.retries.delete(id);
    return [...this.retries].filter(([, { atMs }]) => atMs > nowMs).map(([id]) => id);
  }
}

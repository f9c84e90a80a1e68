/** Wakes everybody who waits, at each notification. */
export class Wakeup {
  private waiters = new Set<() => void>();

  notify(): void {
    const woken = this.waiters;
    this.waiters = new Set();
    for (const wake of woken) wake();
  }

  /** Resolves at the next notification, or when the signal is aborted. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const wake = (): void => {
        this.waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.waiters.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

/** Everything that a stream of a process has written; any number of readers, each from its own offset. */
export class OutputBuffer {
  private readonly chunks: Buffer[] = [];
  private ended = false;
  private readonly wakeup = new Wakeup();

  push(chunk: Buffer): void {
    if (this.ended || chunk.length === 0) return;
    this.chunks.push(chunk);
    this.wakeup.notify();
  }

  end(): void {
    this.ended = true;
    this.wakeup.notify();
  }

  /** Yields from `offset` to the end; waits for more until the stream has ended or the signal is aborted. */
  async *read(offset: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    let toSkip = offset;
    for (let index = 0; !signal.aborted;) {
      const chunk = this.chunks[index];
      if (chunk !== undefined) {
        index += 1;
        const rest = chunk.subarray(Math.min(toSkip, chunk.length));
        toSkip -= chunk.length - rest.length;
        if (rest.length > 0) yield rest;
      } else if (this.ended) {
        return;
      } else {
        await this.wakeup.next(signal);
      }
    }
  }
}

import { setTimeout as pause } from 'node:timers/promises';
import { ProviderError } from '../../application/ports/provider';
import type { CallPace } from './call-pace';

export interface CreateQueueOptions {
  /** Time between two creates, for the estimate of the wait. */
  readonly intervalMs: number;
  /** Creates that may wait at once. */
  readonly maxLength: number;
  /** A create that would wait longer is refused at once. */
  readonly maxWaitMs: number;
}

interface Waiting {
  readonly start: () => void;
  readonly fail: (error: ProviderError) => void;
}

/**
 * Creates wait here for their moment. Owners take turns, each with its oldest create, so that one with many does not hold up
 * the others.
 */
export class CreateQueue {
  /** By owner, in the order of their turns. */
  private readonly waiting = new Map<string, Set<Waiting>>();
  private length = 0;
  private isRunning = false;
  private readonly closing = new AbortController();

  constructor(
    private readonly pace: CallPace,
    private readonly options: CreateQueueOptions,
  ) {}

  /**
   * Resolves when a create of this owner may be sent.
   * @throws ProviderError `rate_limited` when too many wait, `timeout` when the signal is aborted first.
   */
  async turn(owner: string, signal: AbortSignal): Promise<void> {
    this.refuseWhenFull(owner);
    await new Promise<void>((resolve, reject) => {
      const entry: Waiting = { start: () => done(resolve), fail: (error) => done(() => reject(error)) };
      const leave = (): void => {
        this.remove(owner, entry);
        entry.fail(new ProviderError('timeout', 'Modal create: the deadline passed while the create waited for its turn'));
      };
      const done = (settle: () => void): void => {
        signal.removeEventListener('abort', leave);
        settle();
      };
      const ofOwner = this.waiting.get(owner) ?? new Set();
      this.waiting.set(owner, ofOwner.add(entry));
      this.length += 1;
      signal.addEventListener('abort', leave, { once: true });
      if (signal.aborted) leave();
      else void this.run();
    });
  }

  /** Whoever waits is refused. */
  close(): void {
    this.closing.abort();
  }

  /** How long a further create of this owner would wait: everybody else has at most as many turns before it as it has. */
  private waitOf(owner: string): number {
    const own = this.waiting.get(owner)?.size ?? 0;
    const before = [...this.waiting].reduce(
      (sum, [other, { size }]) => (other === owner ? sum : sum + Math.min(size, own + 1)),
      own,
    );
    return before * this.options.intervalMs;
  }

  private refuseWhenFull(owner: string): void {
    const { maxLength, maxWaitMs, intervalMs } = this.options;
    const waitMs = this.waitOf(owner);
    if (this.length < maxLength && waitMs <= maxWaitMs) return;
    const retryAfterMs = Math.max(intervalMs, this.length < maxLength ? waitMs - maxWaitMs : waitMs);
    throw new ProviderError('rate_limited', 'Modal create: too many creates wait for their turn', { retryAfterMs });
  }

  /** Takes one moment after the other for as long as somebody waits; who gets it is decided when it has come. */
  private async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      while (this.length > 0) {
        const waitMs = await this.pace.reserve();
        if (waitMs > 0) await pause(waitMs, undefined, { signal: this.closing.signal });
        this.takeNext()?.start();
      }
    } catch (error) {
      const failure = new ProviderError('unavailable', 'Modal create: no turn can be had', { cause: error });
      for (let entry = this.takeNext(); entry !== undefined; entry = this.takeNext()) entry.fail(failure);
    } finally {
      this.isRunning = false;
    }
  }

  private takeNext(): Waiting | undefined {
    const [next] = this.waiting;
    if (next === undefined) return undefined;
    const [owner, ofOwner] = next;
    const [entry] = ofOwner;
    if (entry !== undefined) this.remove(owner, entry);
    if (ofOwner.size > 0) {
      this.waiting.delete(owner);
      this.waiting.set(owner, ofOwner);
    }
    return entry;
  }

  private remove(owner: string, entry: Waiting): void {
    const ofOwner = this.waiting.get(owner);
    if (ofOwner?.delete(entry) !== true) return;
    this.length -= 1;
    if (ofOwner.size === 0) this.waiting.delete(owner);
  }
}

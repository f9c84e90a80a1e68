interface Bucket {
  tokens: number;
  atMs: number;
}

export type RateDecision = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterSeconds: number };

const MINUTE_MS = 60_000;

/**
 * A token bucket for each key: a full minute's worth may come at once, then tokens return evenly. Remembers at most
 * `maxKeys` keys; the one unused for longest is forgotten first. Pure: the time is passed in.
 */
export class RateLimiter {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly limitPerMinute: number,
    private readonly maxKeys: number,
  ) {}

  take(key: string, nowMs: number): RateDecision {
    const known = this.buckets.get(key);
    const elapsedMs = known === undefined ? 0 : Math.max(0, nowMs - known.atMs);
    const tokens = Math.min(
      this.limitPerMinute,
      (known?.tokens ?? this.limitPerMinute) + (elapsedMs * this.limitPerMinute) / MINUTE_MS,
    );
    const allowed = tokens >= 1;
    this.remember(key, { tokens: allowed ? tokens - 1 : tokens, atMs: nowMs });
    if (allowed) return { allowed };
    const waitMs = ((1 - tokens) * MINUTE_MS) / this.limitPerMinute;
    return { allowed, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) };
  }

  get size(): number {
    return this.buckets.size;
  }

  /** Moves the key to the young end of the map, whose order is the order of insertion. */
  private remember(key: string, bucket: Bucket): void {
    this.buckets.delete(key);
    if (this.buckets.size >= this.maxKeys) {
      const oldest = this.buckets.keys().next();
      if (oldest.done !== true) this.buckets.delete(oldest.value);
    }
    this.buckets.set(key, bucket);
  }
}

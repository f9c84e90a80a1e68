/**
 * Lets one event of a kind through per window and counts the rest, so that somebody who hammers a door cannot fill the
 * audit log. Remembers at most `maxKeys` kinds. Pure: the time is passed in.
 */
export class Sampler {
  private readonly windows = new Map<string, { untilMs: number; suppressed: number }>();

  constructor(
    private readonly windowMs: number,
    private readonly maxKeys: number,
  ) {}

  /** The number of events held back since the last one that passed, or undefined when this one is held back too. */
  admit(key: string, nowMs: number): number | undefined {
    const window = this.windows.get(key);
    if (window !== undefined && nowMs < window.untilMs) {
      window.suppressed++;
      return undefined;
    }
    this.windows.delete(key);
    if (this.windows.size >= this.maxKeys) {
      const oldest = this.windows.keys().next();
      if (oldest.done !== true) this.windows.delete(oldest.value);
    }
    this.windows.set(key, { untilMs: nowMs + this.windowMs, suppressed: 0 });
    return window?.suppressed ?? 0;
  }
}

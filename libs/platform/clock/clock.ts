/** The time of day. A port, so that rules about time are tested without waiting. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
}

/** Nest's injection token of the Clock. */
export const CLOCK = Symbol('Clock');

export const systemClock: Clock = Object.freeze({ nowMs: () => Date.now() });

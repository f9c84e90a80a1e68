/** How money that has not arrived is sorted by age: each bucket reaches from its age to the next one's. */
export const AGE_BUCKETS_SECONDS = [0, 60, 600, 3_600, 86_400, 604_800, 2_592_000] as const;

/**
 * - unsettled  the work is done, and the chain has not moved the money yet
 * - unknown    sent, and its outcome is not seen
 * - debt       the answer was released and the chain refused; nobody paid or gave it up since
 */
export const AGEING_KINDS = ['unsettled', 'unknown', 'debt'] as const;
export type AgeingKind = (typeof AGEING_KINDS)[number];

export interface AgeingBucket {
  readonly kind: AgeingKind;
  /** Index in AGE_BUCKETS_SECONDS. */
  readonly bucket: number;
  readonly count: string;
  readonly amount_atomic: string;
  readonly oldest_at: string;
}

export interface AgeingReport {
  /** The buckets that are not empty. */
  buckets(now: Date): Promise<readonly AgeingBucket[]>;
}

export const AGEING_REPORT = Symbol('AgeingReport');

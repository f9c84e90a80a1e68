/**
 * What the books must hold of a payment in each state (docs/postings.md), as multiples of its amount or price. The check runs in the
 * database over all payments; this table is what it compares with.
 */
export interface RequiredBooks {
  readonly state: string;
  readonly mode: 'confirm' | 'optimistic';
  readonly authorized: 0 | 1;
  readonly inFlight: 0 | 1;
  readonly treasury: 0 | 1;
  /** Of its price, like what is earned. */
  readonly expiredLosses: 0 | 1;
  readonly earned: 0 | 1;
  /** Whether its price may stand as debt, or have been paid since. */
  readonly owes: boolean;
}

const NOTHING = { authorized: 0, inFlight: 0, treasury: 0, expiredLosses: 0, earned: 0, owes: false } as const;
const BY_STATE: Readonly<Record<string, Partial<Omit<RequiredBooks, 'state' | 'mode'>>>> = {
  claimed: {},
  voided: {},
  queued: { authorized: 1, earned: 1 },
  broadcast: { inFlight: 1, earned: 1 },
  unknown: { inFlight: 1, earned: 1 },
  settled: { treasury: 1, earned: 1 },
  expired: { expiredLosses: 1, earned: 1 },
  failed: {},
};

export const REQUIRED_BOOKS: readonly RequiredBooks[] = Object.entries(BY_STATE).flatMap(([state, required]) => [
  { state, mode: 'confirm' as const, ...NOTHING, ...required },
  {
    state,
    mode: 'optimistic' as const,
    ...NOTHING,
    ...required,
    ...(state === 'failed' ? { earned: 1 as const, owes: true } : {}),
  },
]);

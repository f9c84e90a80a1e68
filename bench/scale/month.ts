/** The rule of the month that load-sql.ts writes and generated-chain.ts tells of, as far as both need it. */
export const BATCH = 50;
export const CALLS_PER_SANDBOX = 10;
export const ON_THEIR_WAY = 300;
export const PAYMENTS_PER_WALLET = 500;

export const walletsOf = (payments: number): number => Math.max(11, Math.ceil(payments / PAYMENTS_PER_WALLET));
export const priceOf = (i: number): number => (i % CALLS_PER_SANDBOX === 0 ? 10_000 : 1_000);
export const excessOf = (i: number): number => (i % 100 === 7 ? 200 : 0);

const NOT_SETTLED: ReadonlySet<number> = new Set([11, 211, 411, 611, 811, 13, 313, 613, 17, 517]);

export function isSettled(i: number, payments: number): boolean {
  return i < payments - ON_THEIR_WAY && !NOT_SETTLED.has(i % 1_000);
}

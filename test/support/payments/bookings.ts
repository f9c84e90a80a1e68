/** What the books hold of a payment of `PRICE_ATOMIC`, as `entriesOf` tells it. */
type Place = 'authorized' | 'in_flight' | 'treasury';

export const EXECUTED = 'executed 1: authorized <- revenue:test.count 1000';
export const broadcast = (round = 1): string => `broadcast ${round}: in_flight <- authorized 1000`;
export const settled = (round = 1, from: Place = 'in_flight'): string => `settled ${round}: treasury <- ${from} 1000`;
export const requeued = (round = 1, from: Place = 'in_flight'): string => `requeued ${round}: authorized <- ${from} 1000`;
export const failed = (round = 1, from: Place = 'authorized'): string => `failed ${round}: revenue:test.count <- ${from} 1000`;
export const expired = (round = 1, from: Place = 'authorized'): string => `expired ${round}: expired_losses <- ${from} 1000`;

export const gas = (round = 1): string => `gas ${round}`;
export const gasReturned = (round = 1): string => `gas_returned ${round}`;

/** Sent once, settled by that. */
export const PAID = [EXECUTED, broadcast(), settled(), gas()];
/** Settled by a transaction that was not ours, before anything was sent. */
export const PAID_BY_OTHERS = [EXECUTED, settled(1, 'authorized')];
/** Refused before anything was sent. */
export const REFUSED = [EXECUTED, failed()];
/** Settled, its block lost, and settled by the same bytes in another block. */
export const PAID_AFTER_REORG = [
  ...[EXECUTED, broadcast(), settled(), requeued(1, 'treasury'), broadcast(2), settled(2)],
  ...[gas(), gasReturned(), gas(2)],
];

/** The same of another operation and price. */
export const paidFor = (operation: string, amountAtomic: bigint, entries: readonly string[] = PAID): string[] =>
  entries.map((line) => line.replace('test.count', operation).replace(/ 1000$/, ` ${amountAtomic}`));

export const times = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);

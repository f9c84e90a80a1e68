import { setTimeout as pause } from 'node:timers/promises';
import { withClient } from '@tollbox/devstack/database';
import type { World } from './world';

const SETTLE_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 100;

export interface MoneyCheck {
  /** Paid calls that were answered with 200: every counted one, and the warm-up. */
  readonly answeredCalls: number;
  readonly chargedAtomic: bigint;
  readonly settledPayments: number;
  readonly settledAtomic: bigint;
  /** What payTo has on the chain. */
  readonly earnedAtomic: bigint;
}

interface StateRow {
  state: string;
  payments: string;
  atomic: string;
}

const STATES = 'SELECT state, count(*)::text AS payments, sum(amount_atomic)::text AS atomic FROM payments GROUP BY state';

/**
 * Holds three against each other: the answers that the buyers got, the settled payments in the database, payTo's balance
 * on the chain. Throws when they differ, or when a payment is in any other state than settled.
 */
export async function checkMoney(world: World): Promise<MoneyCheck> {
  const rows = await withClient(world.stack.database.url, async (client) => {
    const endsAt = performance.now() + SETTLE_WITHIN_MS;
    for (;;) {
      const states = (await client.query<StateRow>(STATES)).rows;
      if (states.every(({ state }) => state === 'settled') || performance.now() > endsAt) return states;
      await pause(LOOK_AGAIN_MS);
    }
  });
  const settled = rows.find(({ state }) => state === 'settled');
  const check: MoneyCheck = {
    answeredCalls: world.buyers.answeredCalls,
    chargedAtomic: world.buyers.chargedAtomic,
    settledPayments: Number(settled?.payments ?? 0),
    settledAtomic: BigInt(settled?.atomic ?? 0),
    earnedAtomic: await world.chain.balanceOf(world.stack.chain.payTo as `0x${string}`),
  };
  const agrees =
    rows.length === 1 &&
    check.settledPayments === check.answeredCalls &&
    check.settledAtomic === check.chargedAtomic &&
    check.earnedAtomic === check.settledAtomic;
  if (!agrees) {
    const seen = { ...check, states: rows };
    throw new Error(
      `the money does not agree: ${JSON.stringify(seen, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))}`,
    );
  }
  return check;
}

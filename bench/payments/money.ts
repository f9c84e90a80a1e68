import { setTimeout as pause } from 'node:timers/promises';
import type { Server, World } from './world';

const DRAIN_WITHIN_MS = 60_000;
const LOOK_AGAIN_MS = 25;

const LIVE = `FROM payments WHERE outcome IS NULL`;
// Asked again and again beside what is measured, so it has to be cheap: by the index of the live payments.
const ANY_UNDECIDED = `SELECT EXISTS (SELECT 1 ${LIVE}) AS yes`;
const UNDECIDED = `SELECT count(*)::int AS count ${LIVE}`;

/** Waits until no payment of ours is under way: the clock of a scenario stops after it. */
export async function drained(world: World): Promise<void> {
  const endsAt = performance.now() + DRAIN_WITHIN_MS;
  for (;;) {
    world.signal.throwIfAborted();
    const { rows: any } = await world.database.query<{ yes: boolean }>(ANY_UNDECIDED);
    if (any[0]?.yes === false) return;
    if (performance.now() > endsAt) {
      const { rows } = await world.database.query<{ count: number }>(UNDECIDED);
      throw new Error(`${rows[0]?.count ?? 0} payments are undecided ${DRAIN_WITHIN_MS} ms after the load`);
    }
    await pause(LOOK_AGAIN_MS);
  }
}

/** What money says at a moment, in atomic USDC. */
export interface MoneyState {
  readonly payToAtomic: bigint;
  readonly settledAtomic: bigint;
  readonly settledPayments: number;
  readonly otherPayments: number;
  readonly journalAtomic: bigint;
}

const SETTLED = `SELECT coalesce(sum(amount_atomic) FILTER (WHERE state = 'settled'), 0)::text AS atomic,
  count(*) FILTER (WHERE state = 'settled')::int AS settled, count(*) FILTER (WHERE state <> 'settled')::int AS others FROM payments`;
const TREASURY = `SELECT coalesce(sum(CASE WHEN debit_account = account.id THEN amount ELSE -amount END), 0)::text AS atomic
  FROM journal JOIN ledger_accounts account ON account.id IN (debit_account, credit_account) WHERE account.code = 'treasury'`;

export async function readMoney(world: World, server: Server): Promise<MoneyState> {
  const payToAtomic = await world.chain.balanceOf(server.terms.payTo as `0x${string}`);
  if (server.name === 'peer') return { payToAtomic, settledAtomic: 0n, settledPayments: 0, otherPayments: 0, journalAtomic: 0n };
  const payments = await world.database.query<{ atomic: string; settled: number; others: number }>(SETTLED);
  const journal = await world.database.query<{ atomic: string }>(TREASURY);
  return {
    payToAtomic,
    settledAtomic: BigInt(payments.rows[0]!.atomic),
    settledPayments: payments.rows[0]!.settled,
    otherPayments: payments.rows[0]!.others,
    journalAtomic: BigInt(journal.rows[0]!.atomic),
  };
}

export interface MoneyCheck {
  readonly server: Server['name'];
  readonly scenario: string;
  /** Calls that were answered 200. */
  readonly answered: number;
  readonly chargedAtomic: bigint;
  readonly arrivedAtomic: bigint;
  readonly settledAtomic: bigint | null;
  readonly journalAtomic: bigint | null;
  readonly agrees: boolean;
}

/**
 * Holds what a scenario was answered against what arrived. Of ours, four must be equal: the price of the answered calls,
 * payTo's balance on the chain, the settled payments, the treasury account. The peer keeps no books: what it answered
 * must have arrived; what arrived beyond that was paid without an answer, which its middleware allows.
 */
export function compareMoney(
  scenario: string,
  server: Pick<Server, 'name'> & { readonly terms: { readonly amount: string } },
  answered: number,
  before: MoneyState,
  after: MoneyState,
): MoneyCheck {
  const chargedAtomic = BigInt(server.terms.amount) * BigInt(answered);
  const arrivedAtomic = after.payToAtomic - before.payToAtomic;
  const isOurs = server.name === 'ours';
  const settledAtomic = isOurs ? after.settledAtomic - before.settledAtomic : null;
  const journalAtomic = isOurs ? after.journalAtomic - before.journalAtomic : null;
  const agrees = isOurs
    ? arrivedAtomic === chargedAtomic &&
      settledAtomic === chargedAtomic &&
      journalAtomic === chargedAtomic &&
      after.otherPayments === before.otherPayments
    : arrivedAtomic >= chargedAtomic;
  return { server: server.name, scenario, answered, chargedAtomic, arrivedAtomic, settledAtomic, journalAtomic, agrees };
}

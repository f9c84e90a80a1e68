import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Hex } from '@tollbox/reconciliation/domain/hex';
import { newHolder, reconciler, type ReconcilerOptions } from './reconciler';

/** What a chain of a test gives each key at its start. */
export const GENESIS_WEI = 10_000n * 10n ** 18n;

/** A chain of a test, and the wallet that its payments go to. */
export interface BooksOnChain extends Omit<ReconcilerOptions, 'rpcUrl' | 'payTo'> {
  readonly rpcUrl: string;
  readonly payTo: Hex;
}

export interface Booked {
  readonly event: string;
  readonly round: number;
  readonly debit: string;
  readonly credit: string;
  readonly amount: string;
}

/** An item that a test has brought about itself; what is not named may be anything. */
export interface LeftItem {
  readonly class: string;
  readonly subject?: string;
  readonly expected?: string | null;
  readonly actual?: string | null;
}

/**
 * Runs a whole reconciliation (chain, books, balances) and fails unless the open items are exactly those of `left`: each
 * settled payment has its transfer, each transfer its explanation, each payment the postings that its state requires, and
 * all sums agree, gas to the wei where `gasWallets` are named. Call it when nothing is under way any more.
 */
export async function expectCleanBooks(pool: Pool, chain: BooksOnChain, left: readonly LeftItem[] = []): Promise<void> {
  let outcome = await reconciler(pool, chain).run(newHolder(), 'test');
  // A worker of the test may be at it by itself.
  for (let tries = 0; outcome.kind === 'busy' && tries < 100; tries++) {
    await sleep(50);
    outcome = await reconciler(pool, chain).run(newHolder(), 'test');
  }
  if (outcome.kind === 'busy') throw new Error('another reconciliation runs');
  if ((chain.gasWallets ?? []).length > 0 && !('gas_wallet_actual_wei' in outcome.result.totals))
    throw new Error('the gas was not compared: a transaction is under way');
  const { rows } = await pool.query(
    `SELECT class, subject, expected, actual, detail FROM reconciliation_items WHERE state = 'open' ORDER BY class, id LIMIT 20`,
  );
  if (rows.length !== left.length) expect(rows).toEqual(left);
  expect(rows).toMatchObject(left.map((item) => ({ ...item })));
}

/** All rows of a subject in the journal, in the order in which they were booked. */
async function rowsOf(pool: Pool, subject: string): Promise<readonly Booked[]> {
  const { rows } = await pool.query<Booked>(
    `SELECT event, round, d.code AS debit, c.code AS credit, amount::text AS amount FROM journal
       JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account
     WHERE subject = $1 ORDER BY journal.id`,
    [subject],
  );
  return rows;
}

const lineOf = ({ event, round, debit, credit, amount }: Booked): string => `${event} ${round}: ${debit} <- ${credit} ${amount}`;

/** One payment's rows as texts, gas apart: `executed 1: authorized <- revenue:sandbox.exec 1000`. */
export async function bookingsOf(pool: Pool, subject: string): Promise<readonly string[]> {
  return (await rowsOf(pool, subject)).filter(({ event }) => event !== 'gas').map(lineOf);
}

const GAS_EVENTS = ['gas', 'gas_returned', 'refund_gas', 'refund_gas_returned'];

/**
 * All of one payment's rows, and after them those of its gas. The latter say only that they are there (`gas 1`): what they
 * come to is compared with the chain.
 */
export async function entriesOf(pool: Pool, subject: string): Promise<readonly string[]> {
  const rows = await rowsOf(pool, subject);
  const isGas = ({ event }: Booked): boolean => GAS_EVENTS.includes(event);
  return [...rows.filter((row) => !isGas(row)).map(lineOf), ...rows.filter(isGas).map((row) => `${row.event} ${row.round}`)];
}

import type { Pool } from 'pg';
import type { Hex } from '@tollbox/reconciliation/domain/hex';
import { newHolder, reconciler, type ReconcilerOptions } from './reconciler';

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

/**
 * Runs a whole reconciliation (chain, books, balances) and fails when any item is open: each settled payment has its
 * transfer, each transfer its explanation, each payment the postings that its state requires, and all sums agree. Call it
 * when nothing is under way any more. `allow` names classes of items that the test has brought about itself.
 */
export async function expectCleanBooks(pool: Pool, chain: BooksOnChain, allow: readonly string[] = []): Promise<void> {
  const outcome = await reconciler(pool, chain).run(newHolder(), 'test');
  if (outcome.kind !== 'done') throw new Error('another reconciliation runs');
  const { rows } = await pool.query(
    `SELECT class, subject, expected, actual, detail FROM reconciliation_items WHERE state = 'open' AND NOT class = ANY ($1::text[])
     ORDER BY id LIMIT 20`,
    [[...allow]],
  );
  expect(rows).toEqual([]);
}

/** All rows of a subject in the journal, in the order in which they were booked; gas apart. */
export async function journalOf(pool: Pool, subject: string): Promise<readonly Booked[]> {
  const { rows } = await pool.query<Booked>(
    `SELECT event, round, d.code AS debit, c.code AS credit, amount::text AS amount FROM journal
       JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account
     WHERE subject = $1 AND event <> 'gas' ORDER BY journal.id`,
    [subject],
  );
  return rows;
}

/** One payment's rows as texts: `executed 1: authorized <- revenue:sandbox.exec 1000`. */
export async function bookingsOf(pool: Pool, subject: string): Promise<readonly string[]> {
  const rows = await journalOf(pool, subject);
  return rows.map(({ event, round, debit, credit, amount }) => `${event} ${round}: ${debit} <- ${credit} ${amount}`);
}

import { Inject, Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import type { EntryFilter, EntryPlace, JournalEntries, JournalEntry, PageOfEntries } from '../application/ports/journal-entries';
import { Parameters, iso, type Query } from './sql';

const COLUMNS = `j.id::text, d.code AS debit_account, c.code AS credit_account, j.amount::text, d.asset, d.network, j.subject, j.event, j.round,
  j.leg, j.operation_id, j.wallet, ${iso('j.event_at')} AS event_at, ${iso('j.recorded_at')} AS recorded_at`;

const NEWEST_FIRST = 'ORDER BY recorded_at DESC, id DESC';

/** The journal, newest entry first. */
@Injectable()
export class PostgresJournalEntries implements JournalEntries {
  constructor(@Inject(PG_POOL) private readonly pool: Pool) {}

  async page(filter: EntryFilter, after: EntryPlace | undefined, limit: number): Promise<PageOfEntries> {
    const accountId = filter.account === undefined ? null : await this.accountId(filter.account);
    if (accountId === undefined) return { entries: [], hasMore: false };
    const { rows } = await this.pool.query<JournalEntry>(pageQuery(filter, accountId, after, limit));
    return { entries: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  /** Asked for before: planned with the id, the page of a rare account is read by the account's index and not by time. */
  private async accountId(code: string): Promise<number | undefined> {
    const { rows } = await this.pool.query<{ id: number }>('SELECT id FROM ledger_accounts WHERE code = $1', [code]);
    return rows[0]?.id;
  }
}

/**
 * One page, and one row more that tells whether there is another. The page's rows are found before their accounts are
 * joined; an account is looked for on each side by that side's index, because no index answers an OR in order.
 */
function pageQuery(filter: EntryFilter, accountId: number | null, after: EntryPlace | undefined, limit: number): Query {
  const parameters = new Parameters();
  const conditions = [
    ...equal(parameters, 'j.subject', filter.subject),
    ...equal(parameters, 'j.event', filter.event),
    ...equal(parameters, 'j.wallet', filter.wallet),
    ...(filter.from === undefined ? [] : [`j.recorded_at >= ${parameters.add(filter.from)}`]),
    ...(filter.to === undefined ? [] : [`j.recorded_at < ${parameters.add(filter.to)}`]),
    ...(filter.asset === undefined
      ? []
      : [`j.debit_account IN (SELECT id FROM ledger_accounts WHERE asset = ${parameters.add(filter.asset)})`]),
    ...(after === undefined
      ? []
      : [`(j.recorded_at, j.id) < (${parameters.add(after.recordedAt)}::timestamptz, ${parameters.add(after.id)}::bigint)`]),
  ];
  const count = parameters.add(limit + 1);
  const rowsOf = (...more: string[]): string => {
    const all = [...conditions, ...more];
    return `SELECT j.* FROM journal j ${all.length === 0 ? '' : `WHERE ${all.join(' AND ')}`} ${NEWEST_FIRST} LIMIT ${count}`;
  };
  let found = rowsOf();
  if (accountId !== null) {
    const account = parameters.add(accountId);
    const sides = ['debit_account', 'credit_account'].map((side) => `(${rowsOf(`j.${side} = ${account}`)})`);
    found = `SELECT * FROM (${sides.join(' UNION ALL ')}) both_sides ${NEWEST_FIRST} LIMIT ${count}`;
  }
  const text = `SELECT ${COLUMNS} FROM (${found}) j
    JOIN ledger_accounts d ON d.id = j.debit_account JOIN ledger_accounts c ON c.id = j.credit_account
    ORDER BY j.recorded_at DESC, j.id DESC`;
  return { text, values: parameters.values };
}

const equal = (parameters: Parameters, column: string, value: unknown): string[] =>
  value === undefined ? [] : [`${column} = ${parameters.add(value)}`];

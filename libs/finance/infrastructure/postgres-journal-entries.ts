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
    const sides = await this.sidesOf(filter);
    if (sides?.length === 0) return { entries: [], hasMore: false };
    const { rows } = await this.pool.query<JournalEntry>(pageQuery(filter, sides, after, limit));
    return { entries: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  /**
   * On which side of which accounts the entries are: either side of the account that is asked for, or the debit side of all
   * accounts of the asset, which an entry does not leave. Null when neither is asked for.
   */
  private async sidesOf({ account, asset }: EntryFilter): Promise<readonly Side[] | null> {
    if (account === undefined && asset === undefined) return null;
    if (account === undefined) {
      const { rows } = await this.pool.query<{ id: number }>('SELECT id FROM ledger_accounts WHERE asset = $1', [asset]);
      return rows.map(({ id }) => ({ column: 'debit_account', accountId: id }));
    }
    const text = 'SELECT id FROM ledger_accounts WHERE code = $1 AND ($2::text IS NULL OR asset = $2)';
    const { rows } = await this.pool.query<{ id: number }>(text, [account, asset ?? null]);
    return rows.flatMap(({ id }) => SIDES.map((column) => ({ column, accountId: id })));
  }
}

const SIDES = ['debit_account', 'credit_account'] as const;

interface Side {
  readonly column: (typeof SIDES)[number];
  readonly accountId: number;
}

/**
 * One page, and one row more that tells whether there is another. The page's rows are found before their accounts are
 * joined. Each side of an account is read by an index of its own and with the account's id in the plan: no index answers an
 * OR in order, and the page of a rare account is not to be looked for by time.
 */
function pageQuery(filter: EntryFilter, sides: readonly Side[] | null, after: EntryPlace | undefined, limit: number): Query {
  const parameters = new Parameters();
  const conditions = [
    ...equal(parameters, 'j.subject', filter.subject),
    ...equal(parameters, 'j.event', filter.event),
    ...equal(parameters, 'j.wallet', filter.wallet),
    ...(filter.from === undefined ? [] : [`j.recorded_at >= ${parameters.add(filter.from)}`]),
    ...(filter.to === undefined ? [] : [`j.recorded_at < ${parameters.add(filter.to)}`]),
    ...(after === undefined
      ? []
      : [`(j.recorded_at, j.id) < (${parameters.add(after.recordedAt)}::timestamptz, ${parameters.add(after.id)}::bigint)`]),
  ];
  const count = parameters.add(limit + 1);
  const rowsOf = (...more: string[]): string => {
    const all = [...conditions, ...more];
    return `SELECT j.* FROM journal j ${all.length === 0 ? '' : `WHERE ${all.join(' AND ')}`} ${NEWEST_FIRST} LIMIT ${count}`;
  };
  const found =
    sides === null
      ? rowsOf()
      : `SELECT * FROM (${sides
          .map(({ column, accountId }) => `(${rowsOf(`j.${column} = ${parameters.add(accountId)}`)})`)
          .join(' UNION ALL ')}) of_sides ${NEWEST_FIRST} LIMIT ${count}`;
  const text = `SELECT ${COLUMNS} FROM (${found}) j
    JOIN ledger_accounts d ON d.id = j.debit_account JOIN ledger_accounts c ON c.id = j.credit_account
    ORDER BY j.recorded_at DESC, j.id DESC`;
  return { text, values: parameters.values };
}

const equal = (parameters: Parameters, column: string, value: unknown): string[] =>
  value === undefined ? [] : [`${column} = ${parameters.add(value)}`];

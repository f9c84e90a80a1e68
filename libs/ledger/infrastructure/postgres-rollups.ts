import type { Pool } from 'pg';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { JournalMark, RollupStore } from '../application/ports/rollup-store';

export class PostgresRollups implements RollupStore {
  constructor(private readonly pool: Pool) {}

  async mark(): Promise<JournalMark | null> {
    const newest = await this.pool.query<{ id: string | null; folded: string }>(
      'SELECT (SELECT max(id) FROM journal) AS id, (SELECT folded_id FROM ledger_fold) AS folded',
    );
    const { id, folded } = newest.rows[0] ?? { id: null, folded: '0' };
    if (id === null || BigInt(id) <= BigInt(folded)) return null;
    // A statement of its own, so that it looks later than the one before: an id is given after its transaction's.
    const { rows } = await this.pool.query<{ transaction: string }>(
      'SELECT pg_snapshot_xmax(pg_current_snapshot()) AS transaction',
    );
    return { entryId: BigInt(id), transactionId: BigInt(rows[0]?.transaction ?? 0) };
  }

  async isComplete({ transactionId }: JournalMark): Promise<boolean> {
    const { rows } = await this.pool.query<{ complete: boolean }>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 AS complete',
      [transactionId.toString()],
    );
    return rows[0]?.complete === true;
  }

  async fold(upTo: bigint, maxEntries: number): Promise<boolean> {
    return inTransaction(this.pool, async (client) => {
      const { rows } = await client.query<{ folded_id: string }>('SELECT folded_id FROM ledger_fold FOR UPDATE SKIP LOCKED');
      const folded = rows[0] === undefined ? null : BigInt(rows[0].folded_id);
      if (folded === null || folded >= upTo) return false;
      const limit = folded + BigInt(maxEntries);
      const last = limit < upTo ? limit : upTo;
      await client.query(FOLD, [folded.toString(), last.toString()]);
      await client.query('UPDATE ledger_fold SET folded_id = $1', [last.toString()]);
      return last < upTo;
    });
  }
}

/** By minute from the entries, by day from the minutes. */
const FOLD = `
  WITH minutes AS (
    SELECT basis, date_bin('1 minute', at, '2000-01-01 00:00Z') AS bucket, debit_account, credit_account, event,
      count(*) AS entries, sum(amount) AS amount, min(id) AS first_id, max(id) AS last_id
    FROM journal CROSS JOIN LATERAL (VALUES ('recorded', recorded_at), ('event', event_at)) AS times (basis, at)
    WHERE id > $1::bigint AND id <= $2::bigint
    GROUP BY 1, 2, 3, 4, 5
  ), grains AS (
    SELECT basis, 'minute' AS grain, bucket, debit_account, credit_account, event, entries, amount, first_id, last_id FROM minutes
    UNION ALL
    SELECT basis, 'day', date_bin('1 day', bucket, '2000-01-01 00:00Z'), debit_account, credit_account, event,
      sum(entries), sum(amount), min(first_id), max(last_id)
    FROM minutes GROUP BY 1, 3, 4, 5, 6
  )
  INSERT INTO ledger_rollups AS kept (basis, grain, bucket, debit_account, credit_account, event, entries, amount, first_id, last_id)
  SELECT * FROM grains
  ON CONFLICT (basis, grain, bucket, debit_account, credit_account, event) DO UPDATE SET
    entries = kept.entries + excluded.entries, amount = kept.amount + excluded.amount,
    first_id = least(kept.first_id, excluded.first_id), last_id = greatest(kept.last_id, excluded.last_id)`;

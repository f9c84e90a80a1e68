import type { Pool } from 'pg';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type {
  ItemEvent,
  ItemFilter,
  ItemRecord,
  Page,
  ReconciliationQueries,
  RunRecord,
} from '../application/ports/reconciliation-queries';

const iso = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${column}`;

const RUN = `id::text, state, origin, requested_by, from_block::text, to_block::text, to_block_hash, counts, totals, error,
  ${iso('requested_at')}, ${iso('started_at')}, ${iso('finished_at')}`;
const ITEM = `id::text, class, state, subject, expected, actual, detail, resolution, first_seen_run::text, last_seen_run::text,
  ${iso('opened_at')}, ${iso('closed_at')}`;
const EVENT = `id::text, run_id::text, from_state, to_state, resolution, actor, reason, detail, ${iso('at')}`;

const page = <Row>(rows: readonly Row[], limit: number): Page<Row> => ({
  rows: rows.slice(0, limit),
  hasMore: rows.length > limit,
});

/** Runs and items, straight from SQL. */
export class PostgresReconciliationQueries implements ReconciliationQueries {
  constructor(private readonly pool: Pool) {}

  request(by: string): Promise<RunRecord> {
    return inTransaction(this.pool, async (client) => {
      await client.query(
        `INSERT INTO reconciliation_runs (origin, requested_by, state) VALUES ('demand', $1, 'requested') ON CONFLICT DO NOTHING`,
        [by],
      );
      const { rows } = await client.query<RunRecord>(
        `SELECT ${RUN} FROM reconciliation_runs WHERE origin = 'demand' ORDER BY reconciliation_runs.id DESC LIMIT 1`,
      );
      if (rows[0] === undefined) throw new Error('a run that was asked for is not there');
      return rows[0];
    });
  }

  async runs(after: string | undefined, limit: number): Promise<Page<RunRecord>> {
    const { rows } = await this.pool.query<RunRecord>(
      `SELECT ${RUN} FROM reconciliation_runs WHERE $1::bigint IS NULL OR reconciliation_runs.id < $1
       ORDER BY reconciliation_runs.id DESC LIMIT $2`,
      [after ?? null, limit + 1],
    );
    return page(rows, limit);
  }

  async run(id: string): Promise<RunRecord | undefined> {
    return (await this.pool.query<RunRecord>(`SELECT ${RUN} FROM reconciliation_runs WHERE reconciliation_runs.id = $1`, [id]))
      .rows[0];
  }

  async items(filter: ItemFilter, after: string | undefined, limit: number): Promise<Page<ItemRecord>> {
    const { rows } = await this.pool.query<ItemRecord>(
      `SELECT ${ITEM} FROM reconciliation_items item
       WHERE ($1::bigint IS NULL OR item.id < $1) AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR class = $3)
         AND ($4::text IS NULL OR subject = $4) AND ($5::bigint IS NULL OR $5 BETWEEN first_seen_run AND last_seen_run)
       ORDER BY item.id DESC LIMIT $6`,
      [after ?? null, filter.state ?? null, filter.class ?? null, filter.subject ?? null, filter.run ?? null, limit + 1],
    );
    return page(rows, limit);
  }

  async item(id: string): Promise<(ItemRecord & { events: readonly ItemEvent[] }) | undefined> {
    const { rows } = await this.pool.query<ItemRecord>(`SELECT ${ITEM} FROM reconciliation_items item WHERE item.id = $1`, [id]);
    if (rows[0] === undefined) return undefined;
    const events = await this.pool.query<ItemEvent>(
      `SELECT ${EVENT} FROM reconciliation_item_events event WHERE item_id = $1 ORDER BY event.id`,
      [id],
    );
    return { ...rows[0], events: events.rows };
  }
}

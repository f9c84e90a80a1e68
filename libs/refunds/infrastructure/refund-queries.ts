import type { Pool } from 'pg';
import type {
  RefundEventRecord,
  RefundFilter,
  RefundPlace,
  RefundQueries,
  RefundRecord,
} from '../application/ports/refund-queries';

/** An SQL time as ISO 8601 in UTC, to the millisecond. */
const iso = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

const COLUMNS = [
  ...[
    'id',
    'payment_id',
    'operation_id',
    'wallet',
    'kind',
    'reason',
    'state',
    'needs_second_key',
    'owed_already',
    'requested_by',
  ],
  ...['approved_by', 'rejected_by', 'rejection_reason', 'waiting_reason', 'fail_reason', 'transaction_hash'],
  ...['amount_atomic', 'block_number'].map((name) => `r.${name}::text AS ${name}`),
  ...['requested_at', 'approved_at', 'ended_at'].map((name) => `${iso(`r.${name}`)} AS ${name}`),
].join(', ');

/** Refunds for finance, straight from SQL. */
export class PostgresRefundQueries implements RefundQueries {
  constructor(private readonly pool: Pool) {}

  async page(filter: RefundFilter, after: RefundPlace | null, limit: number): Promise<readonly RefundRecord[]> {
    const given = Object.entries(filter).filter(([, value]) => value !== undefined);
    const values: unknown[] = given.map(([, value]) => value as unknown);
    const conditions = given.map(([name], index) => `r.${name} = $${index + 1}`);
    if (after !== null) {
      conditions.push(`(r.requested_at, r.id) < ($${values.length + 1}::timestamptz, $${values.length + 2}::uuid)`);
      values.push(after.requestedAt, after.id);
    }
    values.push(limit + 1);
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const { rows } = await this.pool.query<RefundRecord>(
      `SELECT ${COLUMNS} FROM refunds r ${where} ORDER BY r.requested_at DESC, r.id DESC LIMIT $${values.length}`,
      values,
    );
    return rows;
  }

  async find(id: string): Promise<(RefundRecord & { readonly events: readonly RefundEventRecord[] }) | null> {
    const { rows } = await this.pool.query<RefundRecord>(`SELECT ${COLUMNS} FROM refunds r WHERE r.id = $1`, [id]);
    if (rows[0] === undefined) return null;
    const events = await this.pool.query<RefundEventRecord>(
      `SELECT id::text, kind, from_state, to_state, actor, detail, ${iso('at')} AS at FROM refund_events WHERE refund_id = $1 ORDER BY refund_events.id`,
      [id],
    );
    return { ...rows[0], events: events.rows };
  }
}

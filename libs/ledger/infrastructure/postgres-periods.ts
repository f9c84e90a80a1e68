import type { Pool } from 'pg';
import type { AuditLog } from '@tollbox/platform/audit/audit-log';
import { inTransaction } from '@tollbox/platform/database/transaction';
import type { BlockContent, PeriodStore, TimeRange } from '../application/ports/period-store';
import type { PeriodClose, PeriodTotal } from '../domain/period';
import {
  CLOSES,
  HASHES,
  INSERT_CLOSE,
  INSERT_TOTALS,
  MOVES,
  TOTALS,
  type CloseRow,
  type HashRow,
  type MoveRow,
  type TotalRow,
} from './periods-sql';

/** Ids of a block: what is read and hashed at once. Part of how content is hashed, so it never changes. */
const BLOCK = 16_384n;
const LOST_RACES = ['23505', '40001'];

export class PostgresPeriods implements PeriodStore {
  constructor(
    private readonly pool: Pool,
    private readonly audit: Pick<AuditLog, 'record'>,
  ) {}

  async now(): Promise<Date> {
    const { rows } = await this.pool.query<{ now: Date }>(`SELECT date_trunc('milliseconds', now()) AS now`);
    return rows[0]?.now ?? new Date(0);
  }

  async closes(): Promise<readonly PeriodClose[]> {
    return this.read('', []);
  }

  async newest(): Promise<PeriodClose | null> {
    return (await this.read('WHERE seq = (SELECT max(seq) FROM ledger_periods)', []))[0] ?? null;
  }

  async setBarrier(until: Date): Promise<bigint> {
    await this.pool.query('INSERT INTO ledger_barriers (until) VALUES ($1)', [until]);
    const { rows } = await this.pool.query<{ id: string }>('SELECT pg_snapshot_xmax(pg_current_snapshot()) AS id');
    return BigInt(rows[0]?.id ?? 0);
  }

  async haveEnded(transactionId: bigint): Promise<boolean> {
    const { rows } = await this.pool.query<{ ended: boolean }>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 AS ended',
      [transactionId.toString()],
    );
    return rows[0]?.ended === true;
  }

  async *blocks(ranges: readonly TimeRange[], scope: 'ranges' | 'whole journal'): AsyncIterable<readonly BlockContent[]> {
    const times = [ranges.map(({ fromAt }) => fromAt), ranges.map(({ untilAt }) => untilAt)];
    const bounds = await this.pool.query<{ first: string | null; last: string | null }>(
      scope === 'whole journal'
        ? 'SELECT min(id) AS first, max(id) AS last FROM journal'
        : 'SELECT min(id) AS first, max(id) AS last FROM journal, unnest($1::timestamptz[], $2::timestamptz[]) AS r (f, u) WHERE recorded_at >= f AND recorded_at < u',
      scope === 'whole journal' ? [] : times,
    );
    const { first, last } = bounds.rows[0] ?? { first: null, last: null };
    if (first === null || last === null) return;
    for (let block = BigInt(first) / BLOCK; block <= BigInt(last) / BLOCK; block++) {
      const values = [...times, (block * BLOCK).toString(), ((block + 1n) * BLOCK).toString()];
      const hashes = await this.pool.query<HashRow>(HASHES, values);
      if (hashes.rows.length === 0) continue;
      const moves = await this.pool.query<MoveRow>(MOVES, values);
      yield hashes.rows.map(({ range, entries, sha256 }) => ({
        range: Number(range) - 1,
        entries: BigInt(entries),
        sha256,
        moves: moves.rows
          .filter((move) => move.range === range)
          .map(({ debit, credit, amount }) => ({ debit, credit, amount: BigInt(amount) })),
      }));
    }
  }

  async append(close: PeriodClose): Promise<boolean> {
    const { seq, number, version, totals } = close;
    try {
      await inTransaction(this.pool, async (client) => {
        const hashes = [close.contentSha256, close.totalsSha256, close.previousSha256, close.sha256];
        const who = [close.reason, close.requestedBy, close.approvedBy];
        const times = [close.fromAt, close.untilAt, close.entries.toString()];
        await client.query(INSERT_CLOSE, [seq, number, version, ...times, ...hashes, ...who]);
        await client.query(INSERT_TOTALS, [
          seq,
          totals.map(({ account }) => account),
          totals.map(({ debits }) => debits.toString()),
          totals.map(({ credits }) => credits.toString()),
        ]);
        const detail = { version, until: close.untilAt.toISOString(), reason: close.reason, approved_by: close.approvedBy };
        const subject = { subjectKind: 'ledger_period', subject: String(number) };
        const action = version === 1 ? 'ledger.close' : 'ledger.close_again';
        await this.audit.record(
          { actorKind: 'staff', actor: close.requestedBy, action, ...subject, outcome: 'ok', detail },
          client,
        );
      });
      return true;
    } catch (error) {
      if (LOST_RACES.includes((error as { code?: string }).code ?? '')) return false;
      throw error;
    }
  }

  private async read(where: string, values: unknown[]): Promise<PeriodClose[]> {
    const closes = await this.pool.query<CloseRow>(`${CLOSES} ${where} ORDER BY seq`, values);
    const totals = await this.pool.query<TotalRow>(`${TOTALS} ${where} ORDER BY seq, account COLLATE "C"`, values);
    return closes.rows.map((row) => ({
      ...row,
      entries: BigInt(row.entries),
      totals: totals.rows.filter(({ seq }) => seq === row.seq).map(toTotal),
    }));
  }
}

const toTotal = ({ account, debits, credits }: TotalRow): PeriodTotal => ({
  account,
  debits: BigInt(debits),
  credits: BigInt(credits),
});

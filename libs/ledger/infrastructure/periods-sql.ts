import type { PeriodClose } from '../domain/period';

export type CloseRow = Omit<PeriodClose, 'entries' | 'totals'> & { readonly entries: string };
export interface TotalRow {
  readonly seq: number;
  readonly account: string;
  readonly debits: string;
  readonly credits: string;
}
export interface HashRow {
  readonly range: string;
  readonly entries: string;
  readonly sha256: string;
}
export interface MoveRow {
  readonly range: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount: string;
}

export const CLOSES = `SELECT seq, number, version, from_at AS "fromAt", until_at AS "untilAt", entries, content_sha256 AS "contentSha256",
  totals_sha256 AS "totalsSha256", previous_sha256 AS "previousSha256", sha256, reason, requested_by AS "requestedBy",
  approved_by AS "approvedBy" FROM ledger_periods`;
export const TOTALS = 'SELECT seq, account, debits, credits FROM ledger_period_totals';

export const INSERT_CLOSE = `INSERT INTO ledger_periods (seq, number, version, from_at, until_at, entries,
    content_sha256, totals_sha256, previous_sha256, sha256, reason, requested_by, approved_by)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`;
export const INSERT_TOTALS = `INSERT INTO ledger_period_totals (seq, account, debits, credits)
  SELECT $1::int, * FROM unnest($2::text[], $3::numeric[], $4::numeric[])`;

/** $1 and $2 are begins and ends of the ranges, $3 and $4 the ids of the block. */
const IN_RANGES = `FROM journal j
  JOIN unnest($1::timestamptz[], $2::timestamptz[]) WITH ORDINALITY AS r (from_at, until_at, range)
    ON j.recorded_at >= r.from_at AND j.recorded_at < r.until_at
  JOIN ledger_accounts d ON d.id = j.debit_account JOIN ledger_accounts c ON c.id = j.credit_account
  WHERE j.id >= $3::bigint AND j.id < $4::bigint`;

/** The canonical form of an entry is one line; its times are milliseconds since 1970. */
export const HASHES = `SELECT r.range, count(*) AS entries, encode(sha256(convert_to(string_agg(
    concat_ws('|', j.id, d.code, c.code, d.asset, d.network, j.amount, j.subject, j.event, j.round, j.leg, coalesce(j.operation_id::text, ''),
      coalesce(j.wallet, ''), (extract(epoch FROM j.event_at) * 1000)::bigint, (extract(epoch FROM j.recorded_at) * 1000)::bigint),
    E'\\n' ORDER BY j.id), 'UTF8')), 'hex') AS sha256
  ${IN_RANGES} GROUP BY r.range ORDER BY r.range`;

export const MOVES = `SELECT r.range, d.code AS debit, c.code AS credit, sum(j.amount) AS amount
  ${IN_RANGES} GROUP BY r.range, d.code, c.code`;

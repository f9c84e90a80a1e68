import type { Pool, PoolClient } from 'pg';

export interface Query {
  readonly text: string;
  readonly values: unknown[];
}

/** An SQL time as ISO 8601 in UTC, to the millisecond. */
export const iso = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** Collects the values of a query and gives each its placeholder. */
export class Parameters {
  readonly values: unknown[] = [];

  /** `$n` for the value. */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/**
 * Id of an account; null when nothing was ever booked to it. Read before the statements that use it are planned: with the id
 * the planner knows whether the account's entries are few or many.
 */
export async function readAccountId(client: Pool | PoolClient, code: string): Promise<number | null> {
  const { rows } = await client.query<{ id: number }>('SELECT id FROM ledger_accounts WHERE code = $1', [code]);
  return rows[0]?.id ?? null;
}

/**
 * Up to which entry the daily sums hold everything. Read before the statements that use it are planned: entries behind it are
 * few, and a planner that does not see how few reads the whole journal.
 */
export async function readFoldedId(client: PoolClient): Promise<string> {
  const { rows } = await client.query<{ folded_id: string }>('SELECT folded_id FROM finance_fold');
  return rows[0]?.folded_id ?? '0';
}

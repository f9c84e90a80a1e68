import type { Pool, PoolClient } from 'pg';
import { readAccountId } from './sql';

/** Id of the account of debts; null before the first one. Asked for before the statements of `openDebts` are planned. */
export const readDebtAccountId = (client: Pool | PoolClient): Promise<number | null> => readAccountId(client, 'customer_debt');

/**
 * What is still owed for each payment: what was booked to customer_debt less what was booked from it. Rows of the journal
 * are found by its account indexes, so that this costs what there are debts, not what there are entries.
 * @param account placeholder of the id of customer_debt
 */
export const openDebts = (account: string): string => `
  SELECT subject AS payment_id, sum(amount) AS amount, min(since) AS since FROM (
    SELECT subject, amount, recorded_at AS since FROM journal WHERE debit_account = ${account}::int
    UNION ALL
    SELECT subject, -amount, NULL FROM journal WHERE credit_account = ${account}::int
  ) sides GROUP BY subject HAVING sum(amount) > 0`;

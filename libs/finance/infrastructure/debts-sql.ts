/**
 * What is still owed for each payment: what was booked to customer_debt less what was booked from it. Rows of the journal
 * are found by its account indexes, so that this costs what there are debts, not what there are entries.
 */
export const OPEN_DEBTS = `
  SELECT subject AS payment_id, sum(amount) AS amount, min(since) AS since FROM (
    SELECT subject, amount, recorded_at AS since FROM journal
      WHERE debit_account = (SELECT id FROM ledger_accounts WHERE code = 'customer_debt')
    UNION ALL
    SELECT subject, -amount, NULL FROM journal
      WHERE credit_account = (SELECT id FROM ledger_accounts WHERE code = 'customer_debt')
  ) sides GROUP BY subject HAVING sum(amount) > 0`;

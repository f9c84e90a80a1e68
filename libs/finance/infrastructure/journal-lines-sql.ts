/**
 * What each entry says about revenue and cost: its day, operation, network and wallet. Revenue accounts name their operation;
 * gas and fees belong to the payment that is their subject, provider cost to the operation that made the sandbox.
 * @param range condition on the entries `j`
 */
export const journalLines = (range: string): string => `
  SELECT (j.recorded_at AT TIME ZONE 'UTC')::date AS day, CASE WHEN d.code LIKE 'revenue:%' THEN substr(d.code, 9)
      WHEN c.code LIKE 'revenue:%' THEN substr(c.code, 9) ELSE coalesce(p.operation, o.name, '') END AS operation,
    CASE WHEN d.asset = 'USD' THEN '' ELSE d.network END AS network, coalesce(j.wallet, '') AS wallet,
    (c.code LIKE 'revenue:%')::int AS calls,
    CASE WHEN c.code LIKE 'revenue:%' THEN j.amount ELSE 0 END AS earned,
    CASE WHEN d.code LIKE 'revenue:%' THEN j.amount ELSE 0 END AS reversed,
    CASE WHEN d.code = 'gas_expense' THEN j.amount WHEN c.code = 'gas_expense' THEN -j.amount ELSE 0 END AS gas,
    CASE WHEN d.code = 'facilitator_fees' THEN j.amount WHEN c.code = 'facilitator_fees' THEN -j.amount ELSE 0 END AS fees,
    CASE WHEN d.code = 'provider_cost' THEN j.amount WHEN c.code = 'provider_cost' THEN -j.amount ELSE 0 END AS cost
  FROM journal j JOIN ledger_accounts d ON d.id = j.debit_account JOIN ledger_accounts c ON c.id = j.credit_account
    LEFT JOIN payments p ON p.id = j.subject AND j.event IN ('gas', 'gas_returned', 'facilitator_fee')
    LEFT JOIN operations o ON o.id = j.operation_id AND 'provider_cost' IN (d.code, c.code)
  WHERE (${range}) AND (d.code LIKE 'revenue:%' OR c.code LIKE 'revenue:%'
    OR d.code IN ('gas_expense', 'facilitator_fees', 'provider_cost') OR c.code IN ('gas_expense', 'facilitator_fees', 'provider_cost'))`;

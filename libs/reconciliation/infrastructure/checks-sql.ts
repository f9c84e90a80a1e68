import { TOPUP_OPERATION } from '@tollbox/ledger/domain/postings/payment';
import { REQUIRED_BOOKS } from '../domain/required-books';

const numeric = (value: 0 | 1): string => `${value}::numeric`;
const REQUIRED = REQUIRED_BOOKS.map(
  ({ state, mode, ...required }) =>
    `('${state}', '${mode}', ${[required.authorized, required.inFlight, required.treasury, required.expiredLosses, required.earned].map(numeric).join(', ')}, ${required.owes})`,
).join(',\n    ');

/** Debits less credits of an account within one payment's rows. */
const net = (name: string): string =>
  `coalesce(sum(amount) FILTER (WHERE debit_account = a.${name}), 0) - coalesce(sum(amount) FILTER (WHERE credit_account = a.${name}), 0) AS ${name}`;

/** Ends of the batches: the last id of the next batch after $1. */
export const NEXT_END = `SELECT max(id::text)::uuid AS last, count(*)::int AS checked FROM (
    SELECT id FROM payments WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2) batch`;

/**
 * Explained receipts whose payment no longer names them go back to waiting. Once for a batch of payments, so that a payment
 * which was requeued by a lost block is seen.
 */
export const DEMOTE = `UPDATE chain_receipts r SET state = 'waiting' FROM payments p
  WHERE r.payment_id = p.id AND r.state = 'explained' AND ($1::uuid IS NULL OR p.id > $1) AND p.id <= $2
    -- Said of both: otherwise the receipts of all batches before are read again.
    AND ($1::uuid IS NULL OR r.payment_id > $1) AND r.payment_id <= $2
    AND NOT (p.state = 'settled' AND p.transaction_hash = r.transaction_hash AND coalesce(p.block_hash, r.block_hash) = r.block_hash)`;

/**
 * Settled payments up to the block $3 and after the opening, longer ago than the grace $4, that no receipt explains. The sums
 * keep the index by block, which knows all payments, out of the plan.
 */
export const MISSING = `SELECT p.id, p.transaction_hash, p.block_number::text AS block_number, p.block_hash, p.amount_atomic::text AS amount,
    (SELECT string_agg(other.transaction_hash || ' in ' || other.block_hash, ', ') FROM chain_receipts other
     WHERE other.payment_id = p.id AND other.state <> 'lost') AS seen
  FROM payments p
  WHERE ($1::uuid IS NULL OR p.id > $1) AND p.id <= $2 AND p.state = 'settled' AND p.block_number + 0 <= $3
    AND p.block_number + 0 > (SELECT opening_block FROM reconciliation_watermark) AND p.settled_at <= now() - $4 * interval '1 ms'
    AND NOT EXISTS (SELECT 1 FROM chain_receipts r WHERE r.payment_id = p.id AND r.state = 'explained')
  ORDER BY p.id LIMIT $5`;

/** Payments whose postings are not what their state requires. One statement is one snapshot, so nothing is half-way in it. */
export const WRONG_BOOKS = `WITH a AS (
    SELECT max(id) FILTER (WHERE code = 'authorized') AS authorized, max(id) FILTER (WHERE code = 'in_flight') AS in_flight,
      max(id) FILTER (WHERE code = 'treasury') AS treasury, max(id) FILTER (WHERE code = 'expired_losses') AS expired_losses,
      max(id) FILTER (WHERE code = 'customer_debt') AS customer_debt,
      coalesce(array_agg(id) FILTER (WHERE code LIKE 'revenue:%'), '{}') AS revenue
    FROM ledger_accounts),
  books AS (
    SELECT subject, ${['authorized', 'in_flight', 'treasury', 'expired_losses', 'customer_debt'].map(net).join(', ')},
      coalesce(sum(amount) FILTER (WHERE credit_account = ANY (a.revenue)), 0) - coalesce(sum(amount) FILTER (WHERE debit_account = ANY (a.revenue)), 0) AS earned
    FROM journal CROSS JOIN a WHERE ($1::uuid IS NULL OR subject > $1) AND subject <= $2 GROUP BY subject),
  required (state, mode, authorized, in_flight, treasury, expired_losses, earned, owes) AS (VALUES
    ${REQUIRED}),
  money AS (
    SELECT p.id, p.state, p.settlement_mode, r.owes, p.amount_atomic AS amount, r.authorized, r.in_flight, r.treasury, r.expired_losses, r.earned,
      CASE WHEN p.operation = '${TOPUP_OPERATION}' THEN 0 ELSE p.price_atomic END AS price,
      CASE WHEN p.rail = 'x402' THEN p.amount_atomic ELSE 0 END AS from_chain
    FROM payments p JOIN required r ON r.state = p.state AND r.mode = p.settlement_mode
    WHERE ($1::uuid IS NULL OR p.id > $1) AND p.id <= $2),
  compared AS (
    SELECT m.id, state, settlement_mode, owes, amount,
      ARRAY[m.authorized * from_chain, m.in_flight * from_chain, m.treasury * from_chain, m.expired_losses * price, m.earned * price] AS expected,
      ARRAY[coalesce(b.authorized, 0), coalesce(b.in_flight, 0), coalesce(b.treasury, 0), coalesce(b.expired_losses, 0), coalesce(b.earned, 0)] AS actual,
      coalesce(b.customer_debt, 0) AS debt,
      -- A lost top-up or excess that was spent is a debt as well.
      CASE WHEN owes THEN price ELSE 0 END + CASE WHEN state IN ('failed', 'expired') THEN amount - price ELSE 0 END AS most_debt
    FROM money m LEFT JOIN books b ON b.subject = m.id)
  SELECT id, state, settlement_mode, expected::text[] AS expected, actual::text[] AS actual, debt::text AS debt FROM compared
  WHERE debt NOT BETWEEN 0 AND most_debt OR CASE WHEN owes
    THEN expected[1:2] || expected[4:5] IS DISTINCT FROM actual[1:2] || actual[4:5] OR actual[3] NOT IN (0, amount)
    ELSE expected IS DISTINCT FROM actual END
  ORDER BY id LIMIT $3`;

/** What accounts moved to each other in the entries behind $1 up to $2. */
export const MOVES = `SELECT d.code AS debit, c.code AS credit, d.asset AS "debitAsset", c.asset AS "creditAsset", event, amount::text FROM (
    SELECT debit_account, credit_account, event, sum(amount) AS amount FROM journal WHERE id > $1 AND id <= $2 GROUP BY 1, 2, 3) moved
  JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account`;

/** What the payments behind $1 up to $2 brought to the treasury. */
export const SETTLED = `SELECT coalesce(sum(amount_atomic), 0)::text AS settled FROM payments
  WHERE ($1::uuid IS NULL OR id > $1) AND id <= $2 AND state = 'settled' AND rail = 'x402'`;

/** What the treasury has from elsewhere than settled payments. */
export const OTHER_TREASURY = `SELECT (coalesce((SELECT opening_atomic FROM reconciliation_watermark), 0)
    + (SELECT coalesce(sum(CASE direction WHEN 'in' THEN value_atomic ELSE -value_atomic END), 0) FROM chain_receipts
       WHERE state NOT IN ('waiting', 'explained', 'lost')))::text AS other`;

/** Gas of every settlement transaction that is known to be in a block. */
export const MINED_GAS = `SELECT coalesce(sum(fee_wei), 0)::text AS spent,
    EXISTS (SELECT 1 FROM settlement_transactions WHERE state IN ('stored', 'sent') OR block_number > $1) AS unsure
  FROM settlement_transactions WHERE state IN ('succeeded', 'reverted') AND ($1::bigint IS NULL OR block_number <= $1)`;

/** The last wallet with a balance row of the next $2 behind $1. */
export const NEXT_WALLET = `SELECT max(wallet) AS last FROM (
    SELECT wallet FROM credit_accounts WHERE $1::text IS NULL OR wallet > $1 ORDER BY wallet LIMIT $2) batch`;

const ofWallets = (column: string): string => `($2::text IS NULL OR ${column} > $2) AND ($3::text IS NULL OR ${column} <= $3)`;

/**
 * Wallets behind $2 up to $3 whose balance row is not what the journal's rows of the wallet add up to. $4 and $5 are the ids
 * of the accounts, so that the planner knows how few or many their entries are.
 */
export const CREDITS = `WITH moved AS (
    SELECT wallet, sum(credits) AS credits, sum(debt) AS debt FROM (
      SELECT wallet, amount AS credits, 0 AS debt FROM journal WHERE credit_account = $4::int AND ${ofWallets('wallet')}
      UNION ALL SELECT wallet, -amount, 0 FROM journal WHERE debit_account = $4::int AND ${ofWallets('wallet')}
      UNION ALL SELECT wallet, 0, -amount FROM journal WHERE credit_account = $5::int AND ${ofWallets('wallet')}
      UNION ALL SELECT wallet, 0, amount FROM journal WHERE debit_account = $5::int AND ${ofWallets('wallet')}) rows
    GROUP BY wallet),
  running AS (SELECT payer AS wallet, sum(price_atomic) AS held FROM payments WHERE rail = 'credit' AND outcome IS NULL AND state = 'claimed' AND ${ofWallets('payer')} GROUP BY payer)
  SELECT coalesce(c.wallet, m.wallet) AS wallet, coalesce(m.credits, 0)::text AS credits, coalesce(m.debt, 0)::text AS debt,
    coalesce(r.held, 0)::text AS running, coalesce(c.balance_atomic, 0)::text AS balance, coalesce(c.debt_atomic, 0)::text AS debt_row,
    coalesce(c.held_atomic, 0)::text AS held
  FROM (SELECT * FROM credit_accounts WHERE ${ofWallets('wallet')}) c FULL JOIN moved m ON m.wallet = c.wallet LEFT JOIN running r ON r.wallet = coalesce(c.wallet, m.wallet)
  WHERE (coalesce(c.balance_atomic, 0), coalesce(c.debt_atomic, 0), coalesce(c.held_atomic, 0))
    IS DISTINCT FROM (coalesce(m.credits, 0), coalesce(m.debt, 0), coalesce(r.held, 0))
  ORDER BY 1 LIMIT $1`;

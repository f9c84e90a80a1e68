import type { Hex } from '../domain/hex';
import type { PaymentOfReceipt, Receipt, ReceiptState } from '../domain/receipt';

/**
 * Stores logs beside the payments that their authorizations name. A log is what its block and its index say; the same log
 * again changes nothing, unless its block was lost and has come back. Nearly all logs are of settled payments, which are
 * found by their transactions, a batch of neighbours at a time ($12: each transaction once); only the others are looked up
 * one by one.
 */
export const RECORD = `INSERT INTO chain_receipts AS known (transaction_hash, log_index, block_number, block_hash, from_address, to_address,
    direction, value_atomic, nonce, payment_id, state)
  SELECT l.transaction_hash, l.log_index, l.block_number, l.block_hash, l.from_address, l.to_address,
    CASE WHEN l.to_address = $3 THEN 'in' ELSE 'out' END, l.value_atomic, l.nonce, coalesce(s.id, p.id),
    CASE WHEN s.transaction_hash = l.transaction_hash AND coalesce(s.block_hash, l.block_hash) = l.block_hash
      AND s.amount_atomic = l.value_atomic AND l.to_address = $3 THEN 'explained' ELSE 'waiting' END
  FROM unnest($4::text[], $5::int[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::numeric[], $11::text[])
    AS l (transaction_hash, log_index, block_number, block_hash, from_address, to_address, value_atomic, nonce)
  LEFT JOIN (
    SELECT id, payer, nonce, transaction_hash, block_hash, amount_atomic FROM payments
    WHERE transaction_hash = ANY ($12::text[]) AND state = 'settled' AND network = $1 AND asset = $2 AND rail = 'x402'
  ) s ON s.payer = l.from_address AND s.nonce = l.nonce
  LEFT JOIN LATERAL (
    SELECT id FROM payments
    WHERE network = $1 AND asset = $2 AND rail = 'x402' AND payments.nonce = l.nonce
      -- No payer, no look into the index: a condition on s would only be a filter behind it.
      AND payer = CASE WHEN s.id IS NULL THEN l.from_address END
  ) p ON true
  ON CONFLICT (block_number, log_index, block_hash) DO UPDATE
    SET state = 'waiting', is_final = false, is_dust = false, round = known.round + 1, payment_id = coalesce(excluded.payment_id, known.payment_id), first_seen_at = now()
    WHERE known.state = 'lost'`;

/** The block up to which there are about $2 receipts behind $1. */
export const NEXT_BLOCK =
  'SELECT block_number AS last FROM chain_receipts WHERE block_number > $1 ORDER BY block_number OFFSET $2 LIMIT 1';

/** What came in less what went out in the blocks behind $1 and up to $2. */
export const NET = `SELECT coalesce(sum(CASE direction WHEN 'in' THEN value_atomic ELSE -value_atomic END), 0)::text AS net
  FROM chain_receipts WHERE state <> 'lost' AND block_number > $1 AND block_number <= $2`;

/** Receipts with their payments. $1 is the time of grace in milliseconds, $2 the network and $3 its USDC. */
export const REVIEW = `SELECT r.id, r.transaction_hash, r.log_index, r.block_number, r.block_hash, r.from_address, r.to_address, r.direction,
    r.value_atomic, r.nonce, r.state, r.round, r.first_seen_at <= now() - $1 * interval '1 ms' AS grace_is_over,
    r.first_seen_at <= now() - interval '1 day' AS is_old, r.is_dust,
    p.id AS payment_id, p.state AS payment_state, p.operation, p.operation_id, p.amount_atomic, p.price_atomic, p.round AS payment_round,
    p.settlement_mode, p.transaction_hash AS payment_transaction_hash, p.block_hash AS payment_block_hash, debt.outstanding, debt.written_off, debt.refused_round
  FROM chain_receipts r
  LEFT JOIN payments p ON p.payer = r.from_address AND p.nonce = r.nonce AND r.direction = 'in' AND p.network = $2 AND p.asset = $3
    AND p.rail = 'x402'
  LEFT JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE d.code = 'customer_debt'), 0) - coalesce(sum(amount) FILTER (WHERE c.code = 'customer_debt'), 0)
        AS outstanding,
      coalesce(sum(amount) FILTER (WHERE d.code = 'bad_debt'), 0) AS written_off,
      max(journal.round) FILTER (WHERE event = 'failed') AS refused_round
    FROM journal JOIN ledger_accounts d ON d.id = debit_account JOIN ledger_accounts c ON c.id = credit_account
    WHERE subject = p.id AND p.state = 'failed') debt ON true`;

/** Sets what was decided of receipts beside their state, and names the days (UTC) whose dust is another than before. */
export const FLAG = `WITH flagged AS (
    UPDATE chain_receipts r SET is_final = f.is_final, is_dust = f.is_dust FROM unnest($1::uuid[], $2::boolean[], $3::boolean[]) AS f (id, is_final, is_dust)
    WHERE r.id = f.id AND (r.is_final, r.is_dust) IS DISTINCT FROM (f.is_final, f.is_dust)
    RETURNING WITH (OLD AS before, NEW AS after) (after.first_seen_at AT TIME ZONE 'UTC')::date AS day, before.is_dust <> after.is_dust AS moved)
  SELECT DISTINCT day::text AS day FROM flagged WHERE moved`;

export const DUST = `SELECT d.day::text AS day, count(r.id)::int AS receipts, coalesce(sum(r.value_atomic), 0)::text AS sum
  FROM unnest($1::date[]) AS d (day)
  LEFT JOIN chain_receipts r ON r.is_dust AND r.first_seen_at >= d.day::timestamp AT TIME ZONE 'UTC'
    AND r.first_seen_at < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
  GROUP BY d.day`;

export interface ReviewRow {
  id: string;
  transaction_hash: Hex;
  log_index: number;
  block_number: string;
  block_hash: Hex;
  from_address: Hex;
  to_address: Hex;
  direction: 'in' | 'out';
  value_atomic: string;
  nonce: Hex | null;
  state: ReceiptState;
  round: number;
  grace_is_over: boolean;
  is_old: boolean;
  is_dust: boolean;
  payment_id: string | null;
  payment_state: string;
  operation: string;
  operation_id: string;
  amount_atomic: string;
  price_atomic: string;
  payment_round: number;
  settlement_mode: 'confirm' | 'optimistic';
  payment_transaction_hash: Hex | null;
  payment_block_hash: Hex | null;
  outstanding: string | null;
  written_off: string | null;
  refused_round: number | null;
}

export function toReceipt(row: ReviewRow): Receipt {
  return {
    id: row.id,
    transactionHash: row.transaction_hash,
    logIndex: row.log_index,
    blockNumber: BigInt(row.block_number),
    blockHash: row.block_hash,
    from: row.from_address,
    to: row.to_address,
    direction: row.direction,
    valueAtomic: BigInt(row.value_atomic),
    nonce: row.nonce,
    state: row.state,
    round: row.round,
    graceIsOver: row.grace_is_over,
    isOld: row.is_old,
    isDust: row.is_dust,
  };
}

export function toPaymentOfReceipt(row: ReviewRow): PaymentOfReceipt | null {
  if (row.payment_id === null) return null;
  return {
    id: row.payment_id,
    state: row.payment_state,
    operation: row.operation,
    operationId: row.operation_id,
    wallet: row.from_address,
    amountAtomic: BigInt(row.amount_atomic),
    priceAtomic: BigInt(row.price_atomic),
    round: row.payment_round,
    settlementMode: row.settlement_mode,
    transactionHash: row.payment_transaction_hash,
    blockHash: row.payment_block_hash,
    debtAtomic: BigInt(row.outstanding ?? 0),
    writtenOffAtomic: BigInt(row.written_off ?? 0),
    refusedRound: row.refused_round ?? row.payment_round,
  };
}

import { iso, type Query } from './sql';
import type { PaymentCursor, PaymentFilter } from '../domain/payment-records';

const column = (name: string): string => `p.${name}`;
const asText = (name: string): string => `p.${name}::text AS ${name}`;
const asIso = (name: string): string => `${iso(`p.${name}`)} AS ${name}`;

/** Money and block numbers leave the database as texts: a JavaScript number cannot hold them. */
export const RECORD_COLUMNS = [
  ...['id', 'state', 'attempt', 'operation', 'operation_id', 'payer', 'pay_to', 'network', 'asset', 'nonce'].map(column),
  ...['amount_atomic', 'price_atomic', 'fee_atomic', 'block_number'].map(asText),
  ...[
    'price_list_version',
    'x402_version',
    'settlement_mode',
    'answer_status',
    'void_code',
    'fail_reason',
    'transaction_hash',
  ].map(column),
  ...['claimed_at', 'executed_at', 'settled_at'].map(asIso),
].join(', ');

export const DETAIL_COLUMNS = [
  RECORD_COLUMNS,
  ...['valid_after', 'valid_before'].map(asText),
  ...['payer_kind', 'method', 'path', 'body_sha256', 'settlement_transaction_id'].map(column),
].join(', ');

export const EVENTS = `SELECT id::text, attempt, kind, from_state, to_state, actor, detail, ${iso('at')} AS at
  FROM payment_events WHERE payment_id = $1 ORDER BY payment_events.id`;

export const SETTLEMENT = `SELECT id, state, signer, evm_nonce::text, transaction_hash, block_number::text, block_hash, gas_used::text,
    effective_gas_price_wei::text, ${iso('stored_at')} AS stored_at, ${iso('sent_at')} AS sent_at, ${iso('resolved_at')} AS resolved_at
  FROM settlement_transactions WHERE id = $1`;

/** The operation's own record names the sandbox that it made, used or ended. */
export const WORK = `SELECT
    (SELECT sandbox_id FROM operations WHERE id = $1) AS sandbox_id,
    (SELECT e.id FROM operations o JOIN executions e ON e.operation_id = o.id AND e.started_at = o.at WHERE o.id = $1) AS execution_id`;

export const OF_OPERATIONS = `SELECT p.id AS "paymentId", p.operation_id AS "operationId", p.operation, p.payer, p.state,
    p.amount_atomic::text AS "amountAtomic", p.price_atomic::text AS "priceAtomic", p.network, p.transaction_hash AS "transactionHash",
    ${iso('p.claimed_at')} AS "claimedAt", ${iso('p.settled_at')} AS "settledAt"
  FROM payments p WHERE p.operation_id = ANY($1::uuid[]) ORDER BY p.claimed_at, p.id`;

const ENDED: ReadonlySet<string | undefined> = new Set(['settled', 'voided', 'failed', 'expired']);
/** As the indexes tell payments apart: by how they ended, or as those that are on their way. */
const stateIs = (state: string | undefined): string => (ENDED.has(state) ? 'p.outcome =' : 'p.outcome IS NULL AND p.state =');

function conditions(filter: PaymentFilter): { readonly texts: string[]; readonly values: unknown[] } {
  const parts: [string, unknown][] = [
    ['p.payer =', filter.wallet],
    [stateIs(filter.state), filter.state],
    ['p.operation =', filter.operation],
    ['p.operation_id =', filter.operationId],
    ['p.transaction_hash =', filter.transaction],
    ['p.claimed_at >=', filter.from],
    ['p.claimed_at <', filter.to],
  ];
  const given = parts.filter(([, value]) => value !== undefined);
  return { texts: given.map(([text], index) => `${text} $${index + 1}`), values: given.map(([, value]) => value) };
}

const where = (texts: readonly string[]): string => (texts.length === 0 ? '' : `WHERE ${texts.join(' AND ')}`);

/** One page, and one row more that tells whether there is another. */
export function pageQuery(filter: PaymentFilter, after: PaymentCursor | undefined, limit: number): Query {
  const { texts, values } = conditions(filter);
  if (after !== undefined) {
    texts.push(`(p.claimed_at, p.id) < ($${values.length + 1}::timestamptz, $${values.length + 2}::uuid)`);
    values.push(after.claimedAt, after.id);
  }
  values.push(limit + 1);
  const text = `SELECT ${RECORD_COLUMNS} FROM payments p ${where(texts)} ORDER BY p.claimed_at DESC, p.id DESC LIMIT $${values.length}`;
  return { text, values };
}

/**
 * Count and sums for each state, and (state null) over all, of the newest `limit` payments. The order is that of a page: by
 * time an index finds them, and without it the planner hopes to meet enough of them on its way through the table.
 */
export function totalsQuery(filter: PaymentFilter, limit: number): Query {
  const { texts, values } = conditions(filter);
  const text = `SELECT state, count(*)::int AS count, coalesce(sum(amount_atomic), 0)::text AS amount_atomic,
      coalesce(sum(price_atomic), 0)::text AS price_atomic
    FROM (SELECT p.state, p.amount_atomic, p.price_atomic FROM payments p ${where(texts)}
      ORDER BY p.claimed_at DESC, p.id DESC LIMIT $${values.length + 1}) newest
    GROUP BY GROUPING SETS ((state), ()) ORDER BY state`;
  return { text, values: [...values, limit] };
}

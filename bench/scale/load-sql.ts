import { BATCH, CALLS_PER_SANDBOX, ON_THEIR_WAY } from './month';

/**
 * A month of a busy installation, made by the database itself. Payment i is one of ten calls of a sandbox (create, seven exec,
 * status, terminate) by one of many wallets; most settle in batches of 50, some end in every other way.
 *
 * Per thousand: 5 voided, 3 failed (one of them after its answer: a debt), 2 expired, 10 pay more than the price. The last
 * 300 payments are on their way: 100 each queued, broadcast and unknown.
 */

/** A UUID of version 4 by its shape; as random as one to an index. */
const uuidOf = (text: string): string => `overlay(overlay(md5(${text}) placing '4' from 13) placing '8' from 17)::uuid`;

/** A UUID of version 7, as the product gives to payments and operations: neighbours in time are neighbours in an index. */
const timedUuidOf = (text: string): string =>
  `(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || left(md5(${text}), 3) || '8' || right(md5(${text}), 15))::uuid`;

/** $1 first and $2 last payment of the chunk, $3 payments in all, $4 seconds that they span, $5 wallets, $6 when the last one was claimed. */
const CHUNK = `
  WITH times AS (
    SELECT i, date_trunc('milliseconds', $6::timestamptz - make_interval(secs => $4::float8 * (1 - i::float8 / $3::bigint))) AS at
    FROM generate_series($1::bigint, $2::bigint) i
  ), chunk AS (
    SELECT i, at, ${timedUuidOf("'payment ' || i")} AS id, ${timedUuidOf("'operation ' || i")} AS operation_id, ${uuidOf(`'batch ' || (i / ${BATCH})`)} AS batch,
      '0x' || left(md5('wallet ' || (i / ${CALLS_PER_SANDBOX} * 7919::bigint % $5::bigint)) || md5('w'), 40) AS wallet,
      'sb-' || left(md5('sandbox ' || (i / ${CALLS_PER_SANDBOX})), 22) AS sandbox,
      CASE i % ${CALLS_PER_SANDBOX} WHEN 0 THEN 'sandbox.create' WHEN 8 THEN 'sandbox.status' WHEN 9 THEN 'sandbox.terminate' ELSE 'sandbox.exec' END AS operation,
      CASE i % ${CALLS_PER_SANDBOX} WHEN 0 THEN 10000 ELSE 1000 END AS price,
      CASE WHEN i % 100 = 7 THEN 200 ELSE 0 END AS excess,
      CASE
        WHEN i >= $3::bigint - ${ON_THEIR_WAY} THEN (ARRAY['queued', 'broadcast', 'unknown'])[1 + i % 3]
        WHEN i % 1000 IN (11, 211, 411, 611, 811) THEN 'voided'
        WHEN i % 1000 IN (13, 313, 613) THEN 'failed'
        WHEN i % 1000 IN (17, 517) THEN 'expired'
        ELSE 'settled' END AS state,
      CASE WHEN i % 1000 = 313 OR i % 10 BETWEEN 2 AND 7 AND i % 1000 NOT IN (13, 613) THEN 'optimistic' ELSE 'confirm' END AS mode
    FROM times
  )`;

const NETWORK = `'eip155:84532'`;
const USDC = `'0x036cbd53842c5426634e7929541ec2318f3dcf7e'`;

export const ACCOUNTS = `INSERT INTO ledger_accounts (code, type, asset, network) VALUES
  ('treasury', 'asset', 'USDC', ${NETWORK}), ('authorized', 'asset', 'USDC', ${NETWORK}), ('in_flight', 'asset', 'USDC', ${NETWORK}),
  ('customer_debt', 'asset', 'USDC', ${NETWORK}), ('credits', 'liability', 'USDC', ${NETWORK}),
  ('expired_losses', 'expense', 'USDC', ${NETWORK}), ('gas_wallet', 'asset', 'ETH', ${NETWORK}), ('gas_expense', 'expense', 'ETH', ${NETWORK}),
  ('revenue:sandbox.create', 'revenue', 'USDC', ${NETWORK}), ('revenue:sandbox.exec', 'revenue', 'USDC', ${NETWORK}),
  ('revenue:sandbox.status', 'revenue', 'USDC', ${NETWORK}), ('revenue:sandbox.terminate', 'revenue', 'USDC', ${NETWORK}),
  ('revenue:sandbox.snapshot', 'revenue', 'USDC', ${NETWORK})`;

const CARRIED = `state NOT IN ('voided', 'queued')`;

export const SETTLEMENTS = `${CHUNK}
  INSERT INTO settlement_transactions (id, batch_id, network, signer, evm_nonce, fence, raw_transaction, transaction_hash, state, block_number, block_hash,
    gas_used, effective_gas_price_wei, fee_wei, payment_ids, payment_rounds, gas_limit, mined_count, stored_at, sent_at, resolved_at)
  SELECT batch, batch, ${NETWORK}, '0x' || repeat('5', 40), min(i) / ${BATCH}, 1, '0x02', '0x' || md5(batch::text) || md5('t' || batch),
    CASE WHEN max(i) >= $3::bigint - ${ON_THEIR_WAY} THEN 'sent' ELSE 'succeeded' END, min(i) / ${BATCH} + 1, '0x' || md5('block' || min(i) / ${BATCH}) || md5('b'),
    count(*) * 42000, 50000000, count(*) * 42000 * 50000000, array_agg(id ORDER BY id), array_agg(1 ORDER BY id), 3000000,
    CASE WHEN max(i) >= $3::bigint - ${ON_THEIR_WAY} THEN 0 ELSE 1 END, min(at), min(at), max(at) + interval '2 s'
  FROM chunk WHERE ${CARRIED} GROUP BY batch ORDER BY min(at)`;

export const PAYMENTS = `${CHUNK}
  INSERT INTO payments (id, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic, price_atomic,
    valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder, lease_expires_at,
    answer_status, answer_expires_at, void_code, fail_reason, transaction_hash, block_number, block_hash, claimed_at_block, claimed_at,
    executed_at, queued_at, broadcast_at, settled_at, updated_at, settlement_transaction_id)
  SELECT id, ${NETWORK}, ${USDC}, wallet, '0x' || md5('n' || i) || md5(i::text), state, operation, operation_id, CASE excess WHEN 0 THEN 2 ELSE 1 END,
    '0x' || repeat('9', 40), price + excess, price, 0, extract(epoch FROM at)::bigint + 300, '0x' || repeat(md5(i::text), 4) || '1b', 'eoa',
    md5('f' || i) || md5(i::text), 'POST', '/api/v1/modal/' || replace(operation, '.', '/'), md5('b' || i) || md5(i::text), mode, 'bench', at,
    CASE state WHEN 'voided' THEN NULL ELSE 200 END, at + interval '25 h', CASE state WHEN 'voided' THEN 'sandbox_gone' END,
    CASE state WHEN 'failed' THEN 'insufficient_funds' WHEN 'expired' THEN 'expired' END,
    CASE state WHEN 'settled' THEN '0x' || md5(batch::text) || md5('t' || batch) END, CASE state WHEN 'settled' THEN i / ${BATCH} + 1 END,
    CASE state WHEN 'settled' THEN '0x' || md5('block' || i / ${BATCH}) || md5('b') END, i / ${BATCH}, at,
    CASE state WHEN 'voided' THEN NULL ELSE at + interval '200 ms' END, CASE state WHEN 'voided' THEN NULL ELSE at + interval '200 ms' END,
    CASE WHEN ${CARRIED} THEN at + interval '500 ms' END, CASE state WHEN 'settled' THEN at + interval '2 s' END, at + interval '2 s',
    CASE WHEN ${CARRIED} THEN batch END
  FROM chunk`;

export const EVENTS = `${CHUNK}
  INSERT INTO payment_events (payment_id, attempt, kind, from_state, to_state, actor, at)
  SELECT id, 1, kind, from_state, to_state, 'bench', at + delay FROM chunk, LATERAL (VALUES
    ('claimed', NULL, 'claimed', interval '0', true),
    ('voided', 'claimed', 'voided', interval '200 ms', state = 'voided'),
    ('executed', 'claimed', 'queued', interval '200 ms', state <> 'voided'),
    ('broadcast', 'queued', 'broadcast', interval '500 ms', ${CARRIED}),
    (state, 'broadcast', state, interval '2 s', state IN ('settled', 'failed', 'expired', 'unknown'))
  ) step (kind, from_state, to_state, delay, happened) WHERE happened ORDER BY at + delay`;

export const OPERATIONS = `${CHUNK}
  INSERT INTO operations (id, name, sandbox_id, state, at) SELECT operation_id, operation, sandbox, 'started', at FROM chunk WHERE state <> 'voided'`;

export const SANDBOXES = `${CHUNK}
  INSERT INTO sandboxes (id, owner, state, desired_state, reason, operation_id, provider, isolation, network_policy, image, cpu_millis, memory_mib,
    lifetime_ms, deadline_at, created_at, started_at, ended_at)
  SELECT sandbox, wallet, 'terminated', 'terminated', 'requested', operation_id, 'container', 'gvisor', 'none', 'python:3.11', 1000, 512,
    300000, at + interval '300 s', at, at, at + interval '100 s' FROM chunk WHERE operation = 'sandbox.create' AND state <> 'voided'`;

/** The postings of libs/ledger/domain/postings for each payment, in the order of their time. */
export const JOURNAL = `${CHUNK}, lines AS (
    SELECT id, operation_id, wallet, at + delay AS at, event, leg, debit, credit, amount FROM chunk, LATERAL (VALUES
      ('executed', 1, 'authorized', 'revenue:' || operation, price::numeric, interval '200 ms', state <> 'voided'),
      ('executed', 2, 'authorized', 'credits', excess::numeric, interval '200 ms', state <> 'voided' AND excess > 0),
      ('broadcast', 1, 'in_flight', 'authorized', price + excess, interval '500 ms', ${CARRIED}),
      ('settled', 1, 'treasury', 'in_flight', price + excess, interval '2 s', state = 'settled'),
      ('gas', 1, 'gas_expense', 'gas_wallet', 42000::numeric * 50000000, interval '2 s', state IN ('settled', 'failed', 'expired')),
      ('failed', 1, CASE mode WHEN 'optimistic' THEN 'customer_debt' ELSE 'revenue:' || operation END, 'in_flight', price::numeric, interval '2 s', state = 'failed'),
      ('failed', 2, 'credits', 'in_flight', excess::numeric, interval '2 s', state = 'failed' AND excess > 0),
      ('expired', 1, 'expired_losses', 'in_flight', price::numeric, interval '2 s', state = 'expired'),
      ('expired', 2, 'credits', 'in_flight', excess::numeric, interval '2 s', state = 'expired' AND excess > 0)
    ) line (event, leg, debit, credit, amount, delay, happened) WHERE happened
  )
  INSERT INTO journal (debit_account, credit_account, amount, subject, event, round, leg, operation_id, wallet, event_at, recorded_at)
  SELECT d.id, c.id, amount, lines.id, event, 1, leg, operation_id, wallet, at, at
  FROM lines JOIN ledger_accounts d ON d.code = debit JOIN ledger_accounts c ON c.code = credit ORDER BY at`;

/** Balance rows as the trigger would have made them. */
export const CREDIT_ACCOUNTS = `INSERT INTO credit_accounts (wallet, balance_atomic, debt_atomic)
  SELECT wallet, sum(CASE a.code WHEN 'credits' THEN amount ELSE 0 END), sum(CASE a.code WHEN 'customer_debt' THEN -amount ELSE 0 END) FROM (
    SELECT wallet, credit_account AS account, amount FROM journal UNION ALL SELECT wallet, debit_account, -amount FROM journal
  ) sides JOIN ledger_accounts a ON a.id = account WHERE a.code IN ('credits', 'customer_debt') GROUP BY wallet`;

/** Each answers one number, which must be zero. */
export const CHECKS: Readonly<Record<string, string>> = {
  'events without a payment': `SELECT count(*) FROM payment_events e LEFT JOIN payments p ON p.id = e.payment_id WHERE p.id IS NULL`,
  'payments without their settlement transaction': `SELECT count(*) FROM payments p LEFT JOIN settlement_transactions t ON t.id = p.settlement_transaction_id
    WHERE t.id IS NULL AND p.settlement_transaction_id IS NOT NULL`,
  'entries between accounts of two assets, or without an account': `SELECT count(*) FROM journal j LEFT JOIN ledger_accounts d ON d.id = j.debit_account
    LEFT JOIN ledger_accounts c ON c.id = j.credit_account WHERE d.id IS NULL OR c.id IS NULL OR (d.asset, d.network) <> (c.asset, c.network)`,
  'sum of all balances': `SELECT coalesce(sum(amount), 0) FROM (SELECT amount FROM journal UNION ALL SELECT -amount FROM journal) both_sides`,
  'treasury beside the settled payments': `SELECT (SELECT coalesce(sum(amount_atomic), 0) FROM payments WHERE state = 'settled') -
    (SELECT sum(CASE WHEN debit_account = a.id THEN amount ELSE -amount END) FROM journal, ledger_accounts a WHERE a.code = 'treasury' AND a.id IN (debit_account, credit_account))`,
  'money on its way beside the payments on their way': `SELECT (SELECT coalesce(sum(amount_atomic), 0) FROM payments WHERE state IN ('queued', 'broadcast', 'unknown')) -
    (SELECT sum(CASE WHEN debit_account = a.id THEN amount ELSE -amount END) FROM journal, ledger_accounts a WHERE a.code IN ('authorized', 'in_flight') AND a.id IN (debit_account, credit_account))`,
  'credits beside their balance rows': `SELECT (SELECT coalesce(sum(balance_atomic), 0) FROM credit_accounts) -
    (SELECT sum(CASE WHEN credit_account = a.id THEN amount ELSE -amount END) FROM journal, ledger_accounts a WHERE a.code = 'credits' AND a.id IN (debit_account, credit_account))`,
  'gas beside the transactions': `SELECT (SELECT sum(amount) FROM journal WHERE event = 'gas') -
    (SELECT sum(42000::numeric * 50000000) FROM payments WHERE state IN ('settled', 'failed', 'expired'))`,
  'payments beside their newest event': `SELECT count(*) FROM payments p
    LEFT JOIN (SELECT payment_id, max(id) AS id FROM payment_events GROUP BY 1) last ON last.payment_id = p.id
    LEFT JOIN payment_events e ON e.id = last.id WHERE e.to_state IS DISTINCT FROM p.state`,
};

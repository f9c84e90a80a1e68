import { Client } from 'pg';
import { Chain } from '../chain';
import { withClient } from '../database';
import { Checks } from './checks';
import { columns, heading, item, usdc } from './printer';
import { EXPECTED_STDOUT, Session } from './session';

interface PaymentRow {
  id: string;
  operation: string;
  state: string;
  payer: string;
  nonce: string;
  amount_atomic: string;
  transaction_hash: string | null;
  block_number: string | null;
  history: string[];
}
interface SandboxRow {
  id: string;
  owner: string;
  state: string;
  reason: string | null;
  isolation: string;
  history: string[];
}
interface ExecutionRow {
  operation_id: string;
  argv: string[];
  returncode: number;
  stdout: Buffer;
  duration_ms: number;
  paid_by: string | null;
}

const PAYMENTS = `
  SELECT p.id, p.operation, p.state, p.payer, p.nonce, p.amount_atomic::text, p.transaction_hash, p.block_number::text,
         array(SELECT coalesce(e.to_state, e.kind) FROM payment_events e WHERE e.payment_id = p.id ORDER BY e.id) AS history
    FROM payments p ORDER BY p.claimed_at, p.id`;
const SANDBOX = `
  SELECT s.id, s.owner, s.state, s.reason, s.isolation,
         array(SELECT CASE WHEN e.to_state IS DISTINCT FROM e.from_state THEN coalesce(e.to_state, e.kind) ELSE e.kind END FROM sandbox_events e WHERE e.sandbox_id = s.id ORDER BY e.id) AS history
    FROM sandboxes s WHERE s.id = $1`;
const EXECUTIONS = `
  SELECT x.operation_id, x.argv, x.returncode, x.stdout, x.duration_ms, p.operation AS paid_by
    FROM executions x LEFT JOIN payments p USING (operation_id) WHERE x.sandbox_id = $1 ORDER BY x.started_at`;

async function checkPayments(client: Client, chain: Chain, session: Session, payer: string, checks: Checks): Promise<bigint> {
  const { rows } = await client.query<PaymentRow>(PAYMENTS);
  heading('5. The payments, from PostgreSQL');
  columns([
    ['operation', 'amount', 'state', 'block', 'transaction', 'history'],
    ...rows.map((row) => [
      row.operation,
      usdc(BigInt(row.amount_atomic)),
      row.state,
      row.block_number ?? '-',
      `${row.transaction_hash?.slice(0, 14) ?? '-'}…`,
      row.history.join(' → '),
    ]),
  ]);
  checks.holds('one payment per call, and no other', rows.length === session.calls.length, rows.length);
  for (const call of session.calls) {
    const row = rows.find(({ nonce }) => nonce === call.nonce.toLowerCase());
    const matches =
      row?.state === 'settled' &&
      row.payer === payer.toLowerCase() &&
      BigInt(row.amount_atomic) === call.amountAtomic &&
      row.transaction_hash === call.receipt?.transaction &&
      row.history.at(-1) === 'settled';
    const receipt = (await chain.rpc('eth_getTransactionReceipt', [call.receipt?.transaction])) as { status: string } | null;
    checks.holds(
      `${call.operation}: settled as the receipt says, in a transaction that succeeded`,
      matches && receipt?.status === '0x1',
      row,
    );
  }
  return rows.filter(({ state }) => state === 'settled').reduce((sum, row) => sum + BigInt(row.amount_atomic), 0n);
}

async function checkAudit(client: Client, session: Session, payer: string, checks: Checks): Promise<void> {
  const sandbox = (await client.query<SandboxRow>(SANDBOX, [session.sandboxId])).rows[0];
  const executions = (await client.query<ExecutionRow>(EXECUTIONS, [session.sandboxId])).rows;
  heading('6. The audit trail, from PostgreSQL');
  item(
    'sandbox',
    `${sandbox?.id ?? 'none'} of ${sandbox?.owner ?? 'nobody'}, ${sandbox?.state ?? '-'} (${sandbox?.reason ?? '-'}), ${sandbox?.isolation ?? '-'}`,
  );
  item('history', sandbox?.history.join(' → ') ?? '-');
  for (const execution of executions) {
    item('execution', `${JSON.stringify(execution.argv).slice(0, 90)}… → ${execution.returncode} in ${execution.duration_ms} ms`);
  }
  checks.holds('the payer owns the sandbox', sandbox?.owner === payer.toLowerCase(), sandbox?.owner);
  checks.holds(
    'it was ended because that was requested',
    sandbox?.state === 'terminated' && sandbox.reason === 'requested',
    sandbox,
  );
  const [execution] = executions;
  checks.holds(
    'one execution is recorded under the payment that bought it, with its output',
    executions.length === 1 &&
      execution?.paid_by === 'sandbox.exec' &&
      execution.stdout.toString() === EXPECTED_STDOUT &&
      execution.returncode === 0,
    execution,
  );
}

/** Reads the session back from the database and holds it against what the agent saw and what the chain says. */
export async function checkBooks(
  books: { databaseUrl: string; chain: Chain; payTo: `0x${string}`; earnedBefore: bigint },
  session: Session,
  payer: string,
  checks: Checks,
): Promise<void> {
  await withClient(books.databaseUrl, async (client) => {
    const settled = await checkPayments(client, books.chain, session, payer, checks);
    await checkAudit(client, session, payer, checks);
    const earned = (await books.chain.balanceOf(books.payTo)) - books.earnedBefore;
    const charged = session.calls.reduce((sum, call) => sum + call.amountAtomic, 0n);
    heading('7. The money, from the chain');
    item('payTo earned', usdc(earned));
    item('books say', usdc(settled));
    checks.holds('the chain, the books and the agent agree', earned === settled && settled === charged && earned > 0n, {
      earned,
      settled,
      charged,
    });
  });
}

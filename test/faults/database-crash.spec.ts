import type { PrivateKeyAccount } from 'viem/accounts';
import { createApplicationLogin } from '@tollbox/devstack/application-login';
import { createTemplateDatabase } from '@tollbox/devstack/migrate';
import { startPostgres, type Postgres } from '@tollbox/devstack/postgres';
import { Run } from '@tollbox/devstack/run-record';
import { eventually, Stack, type Answer } from '../support/e2e/stack';
import { paidFor } from '../support/payments/bookings';
import { entriesOf } from '../support/reconciliation/clean-books';

/**
 * PostgreSQL dies and recovers while paid calls are on their way. Every payer who sends his header again gets one answer,
 * each operation is paid once or not done, and the books agree with the chain.
 */
const CALLS_AT_ONCE = 8;
const STATUS = '/api/v1/modal/sandbox/status';

let run: Run;
let postgres: Postgres;
let stack: Stack;
let payers: PrivateKeyAccount[];
let sandboxId: string;

beforeAll(async () => {
  run = Run.open('test');
  postgres = await startPostgres({ directory: run.directory, durable: true });
  run.addChild('postgres', postgres.pid);
  await createTemplateDatabase(postgres.url('postgres'), 'template_of_this_server');
  const url = await postgres.createDatabase('crashing', { template: 'template_of_this_server' });
  const applicationUrl = await createApplicationLogin(url);
  const database = { name: 'crashing', url, applicationUrl, drop: () => Promise.resolve() };
  stack = await Stack.start({ database, env: { DATABASE_CONNECTION_TIMEOUT_MS: '2000' } });
  stack.pool.on('error', () => undefined); // the test's own idle connections break as well
  payers = [await stack.wallet(1, 10_000_000n)];
  sandboxId = (await stack.paid(payers[0]!, 'create', { timeout: 300 })).body.sandbox_id as string;
});
afterAll(async () => {
  await stack.stop();
  await postgres.stop();
  run.close();
});

/** Sends the same header until the answer is final, as a buyer who lost his connection does. */
async function patiently(headers: Record<string, string>): Promise<Answer> {
  return eventually('a final answer', async () => {
    const answer = await stack.post(STATUS, { sandbox_id: sandboxId }, headers).catch(() => null);
    const mayRetry = answer === null || answer.status >= 500 || answer.body?.retryable === true;
    return mayRetry ? null : answer;
  });
}

it('answers every paid call once, however often the database dies meanwhile', async () => {
  const before = await stack.earnedAtomic();
  const answers: Answer[] = [];
  const headersSent: Record<string, string>[] = [];
  for (let crash = 0; crash < 3; crash++) {
    const headers = await Promise.all(Array.from({ length: CALLS_AT_ONCE }, () => stack.header(payers[0]!, 'status')));
    headersSent.push(...headers);
    const calls = headers.map(patiently);
    await new Promise((resolve) => setTimeout(resolve, 40 * (crash + 1))); // at another place each time
    await postgres.crashAndRecover();
    run.addChild('postgres', postgres.pid);
    answers.push(...(await Promise.all(calls)));
  }
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  await eventually('everything is settled', async () => {
    const { rows } = await stack.pool.query(`SELECT 1 FROM payments WHERE state <> 'settled'`);
    return rows.length === 0;
  });
  expect((await stack.earnedAtomic()) - before).toBe(BigInt(answers.length) * 1_000n);
  const { rows } = await stack.pool.query(`SELECT count(*)::int AS payments, count(DISTINCT operation_id)::int AS operations
    FROM payments WHERE operation = 'sandbox.status'`);
  expect(rows).toEqual([{ payments: answers.length, operations: answers.length }]);
  const { rows: calls } = await stack.pool.query<{ id: string }>(`SELECT id FROM payments WHERE operation = 'sandbox.status'`);
  const booked = await Promise.all(calls.map(({ id }) => entriesOf(stack.pool, id)));
  expect(booked).toEqual(calls.map(() => paidFor('sandbox.status', 1_000n)));
  const again = await Promise.all(headersSent.slice(0, 3).map(patiently));
  expect(again.map(({ text }) => text)).toEqual(answers.slice(0, 3).map(({ text }) => text));
  await stack.expectCleanBooks();
});

import type { PrivateKeyAccount } from 'viem/accounts';
import type { Child } from '../support/e2e/child';
import { eventually, Stack, type Answer } from '../support/e2e/stack';
import { paidFor } from '../support/payments/bookings';
import { entriesOf } from '../support/reconciliation/clean-books';

/**
 * Two gateways and two workers on one database, of which one dies with a batch in the pool and the other stands still
 * past its lease, with every payment sent to both gateways. Each call runs and is paid once.
 */
const STATUS = '/api/v1/modal/sandbox/status';
const CALLS = 6;

let stack: Stack;
let payer: PrivateKeyAccount;
let sandboxId: string;
let gateways: string[];

beforeAll(async () => {
  stack = await Stack.start({ env: { SETTLEMENT_LEASE_MS: '1000', SETTLEMENT_BATCH_SIZE: '4', CLAIM_LEASE_MS: '1000' } });
  gateways = [stack.gateway.url, (await stack.addGateway()).url];
  payer = await stack.wallet(1, 10_000_000n);
  sandboxId = (await stack.paid(payer, 'create', { timeout: 300 })).body.sandbox_id as string;
});
afterAll(() => stack.stop());

/** The same header to both gateways at once, and again until the answer is final. */
async function twins(headers: Record<string, string>): Promise<Answer[]> {
  return Promise.all(
    gateways.map((gateway) =>
      eventually('a final answer', async () => {
        const answer = await stack.post(STATUS, { sandbox_id: sandboxId }, headers, gateway);
        return answer.status === 503 && answer.body.retryable === true ? null : answer;
      }),
    ),
  );
}

async function callsInThePool(): Promise<Promise<Answer[]>[]> {
  const headers = await Promise.all(Array.from({ length: CALLS }, () => stack.header(payer, 'status')));
  const calls = headers.map(twins);
  await eventually('some are in the pool', async () => {
    const status = (await stack.chain.rpc('txpool_status')) as { pending: string };
    const { rows } = await stack.pool.query(`SELECT 1 FROM payments WHERE state = 'broadcast'`);
    return BigInt(status.pending) > 0n && rows.length > 0;
  });
  return calls;
}

const holder = async (): Promise<string> => {
  const { rows } = await stack.pool.query<{ holder: string }>(
    `SELECT holder FROM leases WHERE name LIKE 'settler:%' AND expires_at > now()`,
  );
  return rows[0]?.holder ?? '';
};

/** The process that holds the signing key now. */
const isHeldBy = async ({ process }: Child): Promise<boolean> => (await holder()).includes(`:${process.pid}:`);

it('settles every call once while one worker dies and another stands still past its lease', async () => {
  const first = stack.worker!;
  await stack.chain.setAutomine(false);
  const calls = await callsInThePool();
  const second = await stack.addWorker();
  expect(await isHeldBy(first)).toBe(true);
  await first.kill();
  await eventually('the second has the key', () => isHeldBy(second));
  calls.push(...(await callsInThePool()));

  second.process.kill('SIGSTOP');
  const third = await stack.addWorker();
  await eventually('the third has the key', () => isHeldBy(third));
  second.process.kill('SIGCONT'); // it believes that it still has the key
  await stack.chain.setAutomine(true);
  await stack.chain.mine();

  const answers = await Promise.all(calls);
  expect(answers.flat().map(({ status }) => status)).toEqual(answers.flat().map(() => 200));
  for (const [one, other] of answers) expect(other!.text).toBe(one!.text);
  const { rows } = await stack.pool.query<{ id: string; attempt: number }>(
    `SELECT id, attempt FROM payments WHERE operation = 'sandbox.status'`,
  );
  expect(rows.map(({ attempt }) => attempt)).toEqual(Array.from({ length: CALLS * 2 }, () => 1));
  await stack.expectCleanBooks();
  const booked = await Promise.all(rows.map(({ id }) => entriesOf(stack.pool, id)));
  expect(booked).toEqual(rows.map(() => paidFor('sandbox.status', 1_000n)));
});

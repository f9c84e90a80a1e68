import { Buyer, PaidCall } from './buyer';
import { Checks } from './checks';
import { heading } from './printer';

const PROGRAM =
  'import platform, sys; print("hello from a sandbox, 6 * 7 =", 6 * 7); print(platform.python_version(), file=sys.stderr)';
export const EXPECTED_STDOUT = 'hello from a sandbox, 6 * 7 = 42\n';

export interface Session {
  readonly sandboxId: string;
  readonly calls: readonly PaidCall[];
}

function checkPaid(call: PaidCall, checks: Checks): void {
  checks.holds(`${call.operation}: asked for payment, then answered`, call.statuses.join() === '402,200', call.statuses);
  checks.holds(
    `${call.operation}: the receipt names a transaction`,
    call.receipt?.success === true && /^0x[0-9a-f]{64}$/.test(call.receipt.transaction),
    call.receipt,
  );
}

/** create → exec → status → terminate, each one paid. Throws when there is no sandbox to go on with. */
export async function runSession(buyer: Buyer, checks: Checks): Promise<Session> {
  const calls: PaidCall[] = [];
  const step = async (title: string, operation: string, body: Record<string, unknown>) => {
    heading(title);
    const call = await buyer.call(operation, body);
    calls.push(call);
    checkPaid(call, checks);
    return call;
  };

  const created = await step('1. An agent buys a sandbox', 'create', { timeout: 120 });
  const sandboxId = created.body['sandbox_id'];
  if (typeof sandboxId !== 'string') throw new Error(`create answered ${created.status} without a sandbox_id`);
  checks.holds('create: the sandbox runs', created.body['status'] === 'running', created.body);

  const command = ['python', '-c', PROGRAM];
  const executed = await step('2. It runs code in it', 'exec', { sandbox_id: sandboxId, command });
  checks.holds(
    'exec: the output and the exit code are right',
    executed.body['stdout'] === EXPECTED_STDOUT && executed.body['returncode'] === 0,
    executed.body,
  );

  const status = await step('3. It asks how the sandbox is', 'status', { sandbox_id: sandboxId });
  checks.holds('status: still running', status.body['status'] === 'running', status.body);

  const ended = await step('4. It leaves', 'terminate', { sandbox_id: sandboxId });
  checks.holds('terminate: the sandbox has ended', ended.body['status'] === 'terminated', ended.body);
  return { sandboxId, calls };
}

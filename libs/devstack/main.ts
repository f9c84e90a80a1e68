import path from 'node:path';
import { devFilePath, removeDevFile, writeDevFile } from './dev-file';
import { withFileLock } from './file-lock';
import { formatLogLine } from './log-format';
import { stateDirectory } from './paths';
import { abortCommands } from './processes';
import { isAlive, listRuns } from './run-record';
import { bootStack, Stack } from './stack';

const START_LOCK_TIMEOUT_MS = 1_000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

function runningStart(): string | null {
  const other = listRuns().find((record) => record.kind === 'start' && isAlive(record.supervisor));
  return other === undefined ? null : `npm start already runs in this clone (pid ${other.supervisor.pid}); see ${devFilePath()}`;
}

function describeForOthers(stack: Stack): void {
  const { chain, database } = stack;
  writeDevFile({
    gatewayUrl: stack.gatewayUrl,
    gatewayPid: stack.gatewayPid,
    workerPid: stack.workerPid,
    chainPid: chain.pid,
    databasePid: database.pid,
    rpcUrl: chain.rpcUrl,
    chainId: chain.chainId,
    network: `eip155:${chain.chainId}`,
    usdc: chain.usdc,
    payTo: chain.payTo,
    settlementWallet: chain.settlementWallet,
    refundWallet: chain.refundWallet,
    agents: chain.agents,
    adminToken: stack.adminToken,
    financeToken: stack.financeToken,
    approverToken: stack.approverToken,
    databaseUrl: database.url,
    provider: stack.provider.name,
    isolation: stack.isolation,
  });
}

function howTo(stack: Stack): string {
  const create = `${stack.gatewayUrl}/api/v1/modal/sandbox/create`;
  return `
Tollbox serves at ${stack.gatewayUrl}  (sandboxes: ${stack.provider.name}, isolation: ${stack.isolation ?? 'unknown'})
  docs           ${stack.gatewayUrl}/docs   ${stack.gatewayUrl}/llms.txt
  a price        curl -si -X POST ${create} -H 'content-type: application/json' -d '{}'
  what runs      curl -s ${stack.gatewayUrl}/admin/sandboxes -H "authorization: Bearer <adminToken>"
  wallets, keys  ${devFilePath()}
Ctrl-C stops everything.
`;
}

/** Settles at the first SIGINT, SIGTERM or SIGHUP, or when the stack cannot go on. */
class Ending {
  readonly happened: Promise<Error | null>;
  private settle: (error: Error | null) => void = () => undefined;
  private asked = 0;

  constructor() {
    this.happened = new Promise((resolve) => (this.settle = resolve));
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        this.asked += 1;
        if (this.asked === 1) say('\nstopping');
        abortCommands(); // a long step of the set-up; there is none once the stack serves
        this.settle(null);
      });
    }
  }

  fail(error: Error): void {
    this.settle(error);
  }
}

async function main(): Promise<number> {
  const ending = new Ending();
  const running = runningStart();
  if (running !== null) throw new Error(running);
  const stack = await withFileLock(path.join(stateDirectory(), 'start.lock'), START_LOCK_TIMEOUT_MS, async () => {
    const other = runningStart();
    if (other !== null) throw new Error(other);
    return bootStack({
      kind: 'start',
      given: process.env,
      log: say,
      onLine: (name, line) => {
        const text = formatLogLine(name, line);
        if (text !== null) say(text);
      },
      onFatal: (error) => ending.fail(error),
      onChange: describeForOthers,
    });
  });
  say(howTo(stack));
  const error = await ending.happened;
  if (error !== null) process.stderr.write(`${error.message}\n`);
  removeDevFile();
  await stack.stop();
  say('stopped');
  return error === null ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);

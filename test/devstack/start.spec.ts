import { engineClient } from '@tollbox/devstack/engine-client';
import { DevFile } from '@tollbox/devstack/dev-file';
import { delay, processStartTime } from '@tollbox/devstack/processes';
import { RunRecord } from '@tollbox/devstack/run-record';
import { ExactEvmScheme } from '@x402/evm';
import { wrapFetchWithPaymentFromConfig } from '@x402/fetch';
import { ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createPublicClient, http, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { testEngine } from '../support/stack';

const ENTRY = path.join(__dirname, '../../dist/libs/devstack/main.js');
const START_TIMEOUT_MS = 60_000;

/** The program behind `npm start`, with a state directory of its own beside the clone's. */
class StartedStack {
  private output = '';
  readonly exited: Promise<{ code: number | null; signal: string | null }>;

  constructor(
    readonly child: ChildProcess,
    private readonly state: string,
  ) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  static spawn(state: string, extra: NodeJS.ProcessEnv = {}): StartedStack {
    const { dockerHost, imageReferences } = testEngine();
    const env = { PATH: process.env['PATH'], HOME: state, DOCKER_HOST: dockerHost, SANDBOX_IMAGE_REFERENCES: imageReferences };
    const child = spawn(process.execPath, [ENTRY], {
      env: { ...env, TOLLBOX_STATE_DIRECTORY: state, PORT: '0', ...extra },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new StartedStack(child, state);
  }

  get text(): string {
    return this.output;
  }

  async ready(): Promise<DevFile> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!this.output.includes('Ctrl-C stops everything')) {
      if (this.child.exitCode !== null || Date.now() > deadline) throw new Error(`the stack did not start:\n${this.output}`);
      await delay(50);
    }
    return JSON.parse(readFileSync(path.join(this.state, 'dev.json'), 'utf8')) as DevFile;
  }

  record(): RunRecord {
    const [file = ''] = readdirSync(path.join(this.state, 'runs'));
    return JSON.parse(readFileSync(path.join(this.state, 'runs', file), 'utf8')) as RunRecord;
  }

  async interrupt(): Promise<number | null> {
    this.child.kill('SIGINT');
    return (await this.exited).code;
  }
}

const pidsOf = (dev: DevFile): number[] => [dev.gatewayPid, dev.workerPid, dev.chainPid ?? 0, dev.databasePid ?? 0];
const alive = (pids: readonly number[]): number[] => pids.filter((pid) => processStartTime(pid) !== null);

async function containersOf(record: RunRecord): Promise<number> {
  const client = engineClient(testEngine().dockerHost);
  const label = `tollbox.installation=${record.installations[0]?.id ?? 'none'}`;
  return (await client.listContainers({ all: true, filters: { label: [label] } })).length;
}

async function buySandbox(dev: DevFile): Promise<number> {
  const account = privateKeyToAccount(dev.agents[0]!.privateKey);
  const pay = wrapFetchWithPaymentFromConfig(fetch, { schemes: [{ network: 'eip155:*', client: new ExactEvmScheme(account) }] });
  const body = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
  return (await pay(`${dev.gatewayUrl}/api/v1/modal/sandbox/create`, body)).status;
}

/** Calls the finance API of the stack as README shows it. */
class Finance {
  constructor(private readonly dev: DevFile) {}

  async call<T>(method: string, route: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.dev.gatewayUrl}/finance/${route}`, {
      method,
      headers: { authorization: `Bearer ${this.dev.financeToken}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${route} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** Asks until the record is in this state. */
  async until(route: string, state: string): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const record = await this.call<{ state: string }>('GET', route);
      if (record.state === state) return;
      if (Date.now() > deadline) throw new Error(`${route} is ${JSON.stringify(record)}`);
      await delay(50);
    }
  }
}

/** Gives a part of the newest payment back on the chain; what the books say of the refund wallet then. */
async function refundNewest(finance: Finance, amount: string): Promise<string | undefined> {
  const { payments } = await finance.call<{ payments: { id: string }[] }>('GET', 'payments');
  const order = { payment_id: payments[0]!.id, amount, kind: 'onchain', reason: 'a test of refunds' };
  const refund = await finance.call<{ id: string }>('POST', 'refunds', order);
  await finance.until(`refunds/${refund.id}`, 'paid');
  const run = await finance.call<{ id: string }>('POST', 'reconciliation/runs');
  await finance.until(`reconciliation/runs/${run.id}`, 'done');
  const { accounts } = await finance.call<{ accounts: { code: string; balance: string }[] }>('GET', 'accounts');
  return accounts.find(({ code }) => code === 'refund_float')?.balance;
}

describe('npm start', () => {
  let state: string;
  const started: StartedStack[] = [];
  const start = (extra?: NodeJS.ProcessEnv) => {
    const stack = StartedStack.spawn(state, extra);
    started.push(stack);
    return stack;
  };
  beforeEach(() => {
    state = mkdtempSync(path.join(os.tmpdir(), 'tollbox state '));
  });
  afterEach(async () => {
    for (const stack of started.splice(0))
      if (stack.child.exitCode === null && stack.child.signalCode === null) await stack.interrupt();
    rmSync(state, { recursive: true, force: true });
  });

  it('tells in dev.json how to use what it booted, serves, and leaves nothing behind', async () => {
    const stack = start();
    const dev = await stack.ready();
    expect(Object.keys(dev).sort()).toEqual(
      [
        ...['gatewayUrl', 'gatewayPid', 'workerPid', 'chainPid', 'databasePid', 'rpcUrl', 'chainId', 'network', 'usdc', 'payTo'],
        ...[
          'settlementWallet',
          'refundWallet',
          'agents',
          'adminToken',
          'financeToken',
          'approverToken',
          'databaseUrl',
          'provider',
          'isolation',
        ],
      ].sort(),
    );
    expect(statSync(path.join(state, 'dev.json')).mode & 0o777).toBe(0o600);
    expect(dev).toMatchObject({ chainId: 84532, network: 'eip155:84532', provider: 'container', isolation: 'shared-kernel' });
    expect(dev.agents.length).toBeGreaterThanOrEqual(3);
    const wallets = [...dev.agents.map(({ address }) => address), dev.payTo, dev.settlementWallet, dev.refundWallet];
    expect(new Set(wallets).size).toBe(wallets.length);
    const chain = createPublicClient({ transport: http(dev.rpcUrl) });
    const abi = parseAbi(['function balanceOf(address) view returns (uint256)']);
    for (const { address } of dev.agents) {
      const usdc = dev.usdc as `0x${string}`;
      expect(await chain.readContract({ address: usdc, abi, functionName: 'balanceOf', args: [address] })).toBe(1_000_000_000n);
    }
    const asked = (route: string, token: string) =>
      fetch(dev.gatewayUrl + route, { headers: { authorization: `Bearer ${token}` } });
    expect((await asked('/admin/sandboxes', dev.adminToken)).status).toBe(200);
    expect((await asked('/finance/payments', dev.financeToken)).status).toBe(200);

    expect(await buySandbox(dev)).toBe(200);
    const record = stack.record();
    expect(await containersOf(record)).toBe(1);
    expect(await refundNewest(new Finance(dev), '4000')).toBe('99996000');

    const second = start();
    expect((await second.exited).code).toBe(1);
    expect(second.text).toContain('npm start already runs in this clone');

    expect(await stack.interrupt()).toBe(0);
    expect(alive(pidsOf(dev))).toEqual([]);
    expect(await containersOf(record)).toBe(0);
    expect(existsSync(record.directory)).toBe(false);
    expect(existsSync(path.join(state, 'dev.json'))).toBe(false);
    expect(readdirSync(path.join(state, 'runs'))).toEqual([]);
  });

  it('says which settings are wrong before it starts anything, and which part it cannot reach', async () => {
    const wrong = start({ DATABASE_URL: 'nonsense', PORT: '99999', SETTLEMENT_PRIVATE_KEY: '0x12' });
    expect((await wrong.exited).code).toBe(1);
    expect(wrong.text).toMatch(/^Configuration is not valid:\n/);
    for (const name of ['DATABASE_URL', 'PORT', 'SETTLEMENT_PRIVATE_KEY']) expect(wrong.text).toContain(`  - ${name}: `);
    expect(wrong.text).not.toContain('0x12');
    expect(existsSync(path.join(state, 'runs'))).toBe(false);

    const closed = start({ DATABASE_URL: 'postgresql://teller:secret@127.0.0.1:1/books' });
    expect((await closed.exited).code).toBe(1);
    expect(closed.text).toContain('  - DATABASE_URL: 127.0.0.1:1/books refuses the connection');
    expect(closed.text).not.toMatch(/secret|ECONNREFUSED/);
  });

  it('starts a gateway that was killed again, at the same address', async () => {
    const stack = start();
    const before = await stack.ready();
    process.kill(before.gatewayPid, 'SIGKILL');
    const deadline = Date.now() + START_TIMEOUT_MS;
    const read = () => JSON.parse(readFileSync(path.join(state, 'dev.json'), 'utf8')) as DevFile;
    while (read().gatewayPid === before.gatewayPid && Date.now() < deadline) await delay(50);
    const after = read();
    expect(after.gatewayPid).not.toBe(before.gatewayPid);
    expect(after.gatewayUrl).toBe(before.gatewayUrl);
    expect((await fetch(`${after.gatewayUrl}/health/live`)).status).toBe(200);
    expect(await stack.interrupt()).toBe(0);
    expect(alive(pidsOf(after))).toEqual([]);
  });

  it('clears what a killed run left behind', async () => {
    const first = start();
    const dev = await first.ready();
    expect(await buySandbox(dev)).toBe(200);
    const record = first.record();
    first.child.kill('SIGKILL');
    await first.exited;

    const next = start();
    const fresh = await next.ready();
    expect(alive(pidsOf(dev))).toEqual([]);
    expect(existsSync(record.directory)).toBe(false);
    expect(await containersOf(record)).toBe(0);
    expect(await buySandbox(fresh)).toBe(200);
    expect(await next.interrupt()).toBe(0);
    expect(readdirSync(path.join(state, 'runs'))).toEqual([]);
  });
});

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { devAccount, type Chain } from '@tollbox/devstack/chain';
import { clearLeftoverContainers, clearLeftovers } from '@tollbox/devstack/leftovers';
import { formatLogLine } from '@tollbox/devstack/log-format';
import { projectRoot, stateDirectory } from '@tollbox/devstack/paths';
import { Run } from '@tollbox/devstack/run-record';
import { bootChain, bootDatabase, type PartContext } from '@tollbox/devstack/stack-parts';
import { SupervisedProcess } from '@tollbox/devstack/supervised-process';
import { Teardown } from '@tollbox/devstack/teardown';
import { CpuMeter } from '../cpu';
import { Connection, requestBytes } from './connection';
import { pin, type Layout } from './cores';
import { installPeer, PEER_ENTRY } from './peer';
import type { Plan } from './options';
import { fundedPayers, type Payer, type Terms } from './wallets';

const KEPT_LOG_LINES = 10;
const KEPT_LINE_LENGTH = 600;
const PEER_KEY_INDEX = 10;
const PEER_PAY_TO_INDEX = 11;
export const PAID_PATH = '/bench/noop';
export const FREE_PATH = '/bench/free';

export type SettlementPolicy = 'confirm' | 'optimistic';
const MODE: Readonly<Record<SettlementPolicy, string>> = { confirm: 'confirm', optimistic: 'auto' };

/** One server that is loaded, with the wallet that its buyers pay. */
export interface Server {
  readonly name: 'ours' | 'peer';
  readonly url: string;
  readonly pids: Readonly<Record<string, number>>;
  readonly terms: Terms;
  readonly cpu: CpuMeter;
}

/** What shares the other core with the load generator. */
export const LOAD_SIDE = ['PostgreSQL', 'chain', 'load generator'] as const;

interface Child {
  readonly pid: number;
  readonly url: string | null;
  stop(): Promise<void>;
}

/** Everything that scenarios measure with. */
export class World {
  readonly logLines: string[] = [];
  private tollbox: { gateway: Child; worker: Child | null } | null = null;
  private policy: SettlementPolicy = 'confirm';
  private crashed: Error | null = null;

  private constructor(
    readonly plan: Plan,
    readonly signal: AbortSignal,
    readonly layout: Layout | null,
    readonly chain: Chain,
    readonly database: Client,
    readonly payers: readonly Payer[],
    private readonly env: NodeJS.ProcessEnv,
    private readonly settlementPrivateKey: string,
    private readonly payTo: string,
    private readonly loadSide: Readonly<Record<string, number>>,
    private readonly run: Run,
    private readonly teardown: Teardown,
    private readonly fail: (error: Error) => void,
  ) {}

  static async open(plan: Plan, layout: Layout | null, ending: AbortController, log: (line: string) => void): Promise<World> {
    await installPeer(log);
    await clearLeftoverContainers(await clearLeftovers(log));
    const run = Run.open('bench');
    const teardown = new Teardown();
    teardown.add('the run record', () => run.close());
    const fail = (error: Error) => ending.abort(error);
    try {
      const context: PartContext = { run, teardown, given: {}, log, onLost: fail };
      const [database, chain] = [await bootDatabase(context), await bootChain(context)];
      const own = chain.own!;
      const client = new Client({ connectionString: database.url });
      await client.connect();
      teardown.add('the database connection', () => client.end());
      const env = tollboxEnvironment(plan, database.url, chain.rpcUrl, chain.payTo, chain.settlementWallet!);
      const payers = await fundedPayers(own, plan.payers);
      return new World(
        plan,
        ending.signal,
        layout,
        own,
        client,
        payers,
        env,
        chain.settlementPrivateKey!,
        chain.payTo,
        { PostgreSQL: database.pid!, chain: own.pid },
        run,
        teardown,
        fail,
      );
    } catch (error) {
      await teardown.run();
      throw error;
    }
  }

  /** (Re)starts gateway and worker, every call confirmed or small ones optimistic. */
  async startOurs(policy: SettlementPolicy): Promise<Server> {
    await this.stopOurs();
    this.policy = policy;
    const gateway = await this.startTollbox('gateway');
    this.tollbox = { gateway, worker: null };
    await this.startWorker();
    const pids = { gateway: gateway.pid, worker: this.tollbox.worker!.pid };
    return this.describe('ours', gateway.url!, pids, this.payTo);
  }

  async startWorker(): Promise<void> {
    this.tollbox!.worker = await this.startTollbox('worker');
  }

  async stopWorker(): Promise<void> {
    await this.tollbox?.worker?.stop();
    if (this.tollbox !== null) this.tollbox.worker = null;
  }

  async stopOurs(): Promise<void> {
    await this.stopWorker();
    await this.tollbox?.gateway.stop();
    this.tollbox = null;
  }

  async startPeer(): Promise<Server> {
    const payTo = devAccount(PEER_PAY_TO_INDEX).address;
    const peer = await this.start('peer', PEER_ENTRY, {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      RPC_URL: this.chain.rpcUrl,
      PAY_TO: payTo,
      FACILITATOR_PRIVATE_KEY: devAccount(PEER_KEY_INDEX).privateKey,
    });
    return this.describe('peer', peer.url!, { peer: peer.pid }, payTo);
  }

  /** Throws when a process of the bench died and was started again: what was measured then means nothing. */
  checkNothingCrashed(): void {
    if (this.crashed !== null) throw this.crashed;
  }

  async close(): Promise<void> {
    await this.teardown.run();
  }

  /** What the worker is started with. */
  workerEnvironment(): NodeJS.ProcessEnv {
    return { ...this.env, SETTLEMENT_PRIVATE_KEY: this.settlementPrivateKey, SETTLEMENT_MODE: MODE[this.policy] };
  }

  private startTollbox(app: 'gateway' | 'worker'): Promise<Child> {
    const env = app === 'worker' ? this.workerEnvironment() : { ...this.env, SETTLEMENT_MODE: MODE[this.policy] };
    return this.start(app, path.join(projectRoot(), 'dist', 'bench', 'payments', 'apps', `${app}.js`), env);
  }

  private async start(name: string, file: string, env: NodeJS.ProcessEnv): Promise<Child> {
    const started: { pid: number; url: string | null }[] = [];
    const supervised = new SupervisedProcess({
      name,
      file,
      env: () => env,
      onLine: (source, line) => this.keepLine(source, line),
      onStarted: (pid) => this.run.addChild(name, pid),
      onReady: (pid, url) => {
        started.push({ pid, url });
        if (started.length > 1) this.crashed ??= new Error(`${name} crashed under the load`);
      },
      onGivenUp: this.fail,
    });
    this.teardown.add(name, () => supervised.stop());
    await supervised.start();
    const { pid, url } = started[0]!;
    if (this.layout !== null) await pin(pid, this.layout.servers);
    return { pid, url, stop: () => supervised.stop() };
  }

  private keepLine(source: string, line: string): void {
    const text = formatLogLine(source, line);
    if (text !== null) this.logLines.push(text.slice(0, KEPT_LINE_LENGTH));
    if (this.logLines.length > KEPT_LOG_LINES) this.logLines.shift();
  }

  private async describe(name: Server['name'], url: string, pids: Record<string, number>, payTo: string): Promise<Server> {
    const terms = await quote(url);
    if (terms.payTo.toLowerCase() !== payTo.toLowerCase()) throw new Error(`${name} asks to pay ${terms.payTo}`);
    return { name, url, pids, terms, cpu: new CpuMeter({ ...pids, ...this.loadSide }) };
  }
}

/** Only what a benchmark needs; nothing that names a database, a chain or an account is taken from outside. */
function tollboxEnvironment(plan: Plan, databaseUrl: string, rpcUrl: string, payTo: string, settler: string): NodeJS.ProcessEnv {
  const profiles = path.join(stateDirectory(), 'bench', 'profiles');
  if (plan.profile) mkdirSync(profiles, { recursive: true });
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    NODE_ENV: 'production',
    PORT: '0',
    LOG_LEVEL: 'warn',
    REQUESTS_PER_MINUTE_PER_IP: '10000000',
    DATABASE_URL: databaseUrl,
    RPC_URL: rpcUrl,
    X402_NETWORK: 'base-sepolia',
    PAY_TO: payTo,
    SETTLEMENT_WALLETS: settler,
    ...(plan.profile ? { BENCH_PROFILE_DIR: profiles } : {}),
  };
}

/** What the server asks for a call. */
async function quote(url: string): Promise<Terms> {
  const connection = await Connection.open(url);
  try {
    const { status, head } = await connection.send(requestBytes(url, PAID_PATH));
    const required = /\r\npayment-required: *(\S+)/i.exec(head)?.[1];
    if (status !== 402 || required === undefined) throw new Error(`an unpaid call was answered with ${status}: ${head}`);
    const { accepts } = JSON.parse(Buffer.from(required, 'base64').toString('utf8')) as { accepts: Terms[] };
    return accepts[0]!;
  } finally {
    connection.close();
  }
}

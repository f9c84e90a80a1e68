import net from 'node:net';
import path from 'node:path';
import type { Address } from 'viem';
import { withClient } from './database';
import { checkGivenSettings } from './given-settings';
import { clearLeftoverContainers, clearLeftovers } from './leftovers';
import { projectRoot } from './paths';
import { fillRefundFloat } from './refund-float';
import { Run, RunKind } from './run-record';
import { createDevKeys } from './staff';
import {
  bootChain,
  bootDatabase,
  bootProvider,
  ChainPart,
  DatabasePart,
  PartContext,
  ProviderPart,
  removeInstallationContainers,
} from './stack-parts';
import { SupervisedProcess } from './supervised-process';
import { Teardown } from './teardown';

const DEFAULT_PORT = 4020;

export interface StackOptions {
  readonly kind: RunKind;
  /** Given parts (DATABASE_URL, RPC_URL, MODAL_TOKEN_ID) and all settings of the gateway and the worker. */
  readonly given: NodeJS.ProcessEnv;
  readonly log: (line: string) => void;
  /** A line of the gateway's or the worker's log. */
  readonly onLine: (name: string, line: string) => void;
  /** The stack cannot go on; the caller stops it. */
  readonly onFatal: (error: Error) => void;
  /** After the first start and after each restart of the gateway or the worker. */
  readonly onChange?: (stack: Stack) => void;
}

export interface Stack {
  readonly database: DatabasePart;
  readonly chain: ChainPart;
  readonly provider: ProviderPart;
  readonly gatewayUrl: string;
  readonly gatewayPid: number;
  readonly workerPid: number;
  readonly installationId: string;
  /** Isolation of the sandboxes as the gateway reports it. */
  readonly isolation: string | null;
  readonly adminToken: string;
  readonly financeToken: string;
  /** A second finance key, for what one may not do alone. */
  readonly approverToken: string;
  /** Ends everything in order and leaves nothing behind; safe to call again. */
  stop(): Promise<void>;
}

/** The processes change when one is started again, so they are the only part of a stack that is written to. */
interface Live {
  gatewayUrl: string;
  gatewayPid: number;
  workerPid: number;
}

/** The preferred port when it is free on `host`, else 0: any. */
function choosePort(host: string, preferred: number): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(0));
    server.listen(preferred, host, () => server.close(() => resolve(preferred)));
  });
}

async function bootParts(context: PartContext): Promise<[DatabasePart, ChainPart, ProviderPart]> {
  // All three are waited for also when one fails: what the others started must be known before it is stopped.
  const [database, chain, provider] = await Promise.allSettled([
    bootDatabase(context),
    bootChain(context),
    bootProvider(context),
  ]);
  for (const part of [provider, database, chain]) if (part.status === 'rejected') throw part.reason;
  if (database.status === 'rejected' || chain.status === 'rejected' || provider.status === 'rejected')
    throw new Error('unreachable');
  return [database.value, chain.value, provider.value];
}

function processEnvironment(
  options: StackOptions,
  database: DatabasePart,
  chain: ChainPart,
  provider: ProviderPart,
): NodeJS.ProcessEnv {
  return {
    ...options.given,
    DATABASE_URL: database.url,
    MIGRATION_DATABASE_URL: undefined, // the owner's login is for migrations only
    RPC_URL: chain.rpcUrl,
    X402_NETWORK: chain.chainId === 8453 ? 'base' : 'base-sepolia',
    PAY_TO: chain.payTo,
    SETTLEMENT_PRIVATE_KEY: undefined, // only the worker gets it; the gateway knows the address
    REFUND_PRIVATE_KEY: undefined, // the same
    SETTLEMENT_WALLETS: options.given['SETTLEMENT_WALLETS'] ?? chain.settlementWallet ?? undefined,
    ...provider.env,
    // Nothing paid on a chain of our own is worth stealing from a neighbour.
    ...(chain.own !== null && !options.given['ALLOW_SHARED_KERNEL'] ? { ALLOW_SHARED_KERNEL: '1' } : {}),
  };
}

/** Only money of our own chain is ours to move. */
async function fundRefunds({ url: databaseUrl }: DatabasePart, { own, payTo, refundWallet }: ChainPart): Promise<void> {
  if (own === null || refundWallet === null) return;
  await fillRefundFloat({ chain: own, payTo: payTo as Address, refundWallet: refundWallet as Address, databaseUrl });
}

async function readInstallationId(databaseUrl: string): Promise<string> {
  const { rows } = await withClient(databaseUrl, (client) => client.query<{ id: string }>('SELECT id FROM installation'));
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('the gateway is ready but the installation is not in the database');
  return id;
}

async function readIsolation(gatewayUrl: string): Promise<string | null> {
  const response = await fetch(new URL('/health/ready', gatewayUrl), { signal: AbortSignal.timeout(10_000) });
  const health = (await response.json()) as { checks?: { provider?: { isolation?: unknown } } };
  const isolation = health.checks?.provider?.isolation;
  return typeof isolation === 'string' ? isolation : null;
}

/** Starts both processes; `live` follows them through restarts, on the port of the first start. */
async function startProcesses(
  options: StackOptions,
  run: Run,
  teardown: Teardown,
  env: NodeJS.ProcessEnv,
  keysOfWorker: NodeJS.ProcessEnv,
  onChange: () => void,
): Promise<Live> {
  const live: Live = { gatewayUrl: '', gatewayPid: 0, workerPid: 0 };
  const wantedPort = Number(options.given['PORT'] ?? DEFAULT_PORT);
  let port = await choosePort(options.given['HOST'] ?? '127.0.0.1', wantedPort);
  if (port !== wantedPort) options.log(`port ${wantedPort} is taken; the gateway takes another`);
  const entry = (app: string) => path.join(projectRoot(), 'dist', 'apps', app, 'src', 'main.js');
  const common = { onLine: options.onLine, onGivenUp: options.onFatal };
  const gateway = new SupervisedProcess({
    ...common,
    name: 'gateway',
    file: entry('gateway'),
    env: () => ({ ...env, PORT: String(port) }),
    onStarted: (pid) => run.addChild('gateway', pid),
    onReady: (pid, url) => {
      if (url === null) throw new Error('the gateway did not say where it listens');
      Object.assign(live, { gatewayPid: pid, gatewayUrl: url });
      port = Number(new URL(url).port);
      onChange();
    },
  });
  const worker = new SupervisedProcess({
    ...common,
    name: 'worker',
    file: entry('worker'),
    env: () => ({ ...env, ...keysOfWorker }),
    onStarted: (pid) => run.addChild('worker', pid),
    onReady: (pid) => {
      live.workerPid = pid;
      onChange();
    },
  });
  teardown.add('the worker', () => worker.stop());
  teardown.add('the gateway', () => gateway.stop());
  const started = await Promise.allSettled([gateway.start(), worker.start()]);
  for (const result of started) if (result.status === 'rejected') throw result.reason;
  return live;
}

/**
 * Boots a whole Tollbox: what is not given is started, database migrated, staff keys made, gateway and worker ready.
 * On failure everything that was started is stopped again before it rejects.
 */
export async function bootStack(asked: StackOptions): Promise<Stack> {
  // An empty variable counts as absent, as it does in the configuration.
  const given = Object.fromEntries(Object.entries(asked.given).filter(([, value]) => value !== undefined && value !== ''));
  const options = { ...asked, given };
  checkGivenSettings(given);
  const leftovers = await clearLeftovers(options.log);
  const run = Run.open(options.kind);
  const teardown = new Teardown();
  teardown.add('the run record', () => run.close());
  try {
    const context: PartContext = { run, teardown, given: options.given, log: options.log, onLost: options.onFatal };
    const [database, chain, provider] = await bootParts(context);
    await clearLeftoverContainers(leftovers);

    const known: { stack?: Stack; installationId?: string } = {};
    teardown.add('the sandboxes', async () => {
      if (known.installationId === undefined || provider.dockerHost === null) return;
      await removeInstallationContainers(database.ownerUrl, known.installationId, provider.dockerHost);
    });
    const env = processEnvironment(options, database, chain, provider);
    const keysOfWorker = { SETTLEMENT_PRIVATE_KEY: chain.settlementPrivateKey, REFUND_PRIVATE_KEY: chain.refundPrivateKey };
    const live = await startProcesses(options, run, teardown, env, keysOfWorker, () => {
      if (known.stack !== undefined) options.onChange?.(known.stack);
    });
    const installationId = await readInstallationId(database.url);
    known.installationId = installationId;
    if (provider.dockerHost !== null) run.addInstallation(installationId, provider.dockerHost);
    await fundRefunds(database, chain);
    const keys = await createDevKeys(database.url);
    const stack: Stack = {
      database,
      chain,
      provider,
      installationId,
      isolation: await readIsolation(live.gatewayUrl),
      ...keys,
      get gatewayUrl() {
        return live.gatewayUrl;
      },
      get gatewayPid() {
        return live.gatewayPid;
      },
      get workerPid() {
        return live.workerPid;
      },
      stop: () => teardown.run(),
    };
    known.stack = stack;
    options.onChange?.(stack);
    return stack;
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

import type { Address } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { ConfigurationError } from '@tollbox/platform/config/config';
import { Chain, DEV_ACCOUNT_INDEX, devAccount, DevAccount, DevChainId, startChain, USDC_ADDRESS } from './chain';
import { createApplicationLogin } from './application-login';
import { withClient } from './database';
import { findOrStartEngine } from './engine';
import { removeContainers } from './engine-client';
import { reaching } from './given-settings';
import { ensureSandboxImage } from './image';
import { ensureAgent } from './agent';
import { installationLabel } from './leftovers';
import { migrateDeploy, migrateFor } from './migrate';
import { startPostgres } from './postgres';
import { REFUND_FLOAT_ATOMIC } from './refund-float';
import { Run } from './run-record';
import { Teardown } from './teardown';

const AGENT_BALANCE_ATOMIC = 1_000_000_000n; // 1,000 USDC
const ETH_FOR_GAS = '0x21e19e0c9bab2400000'; // 10,000 ETH in wei
const DATABASE_NAME = 'tollbox';

export interface PartContext {
  readonly run: Run;
  readonly teardown: Teardown;
  /** Where given parts and settings are read from; a part that is not named here is booted. */
  readonly given: NodeJS.ProcessEnv;
  readonly log: (line: string) => void;
  /** A part that everything depends on has ended unasked. */
  readonly onLost: (error: Error) => void;
}

export interface DatabasePart {
  /** For the gateway, the worker and everybody who looks: a login that owns nothing. */
  readonly url: string;
  /** Migrates, and sees the connections of all logins. */
  readonly ownerUrl: string;
  readonly pid: number | null;
}

function watch(context: PartContext, name: string, exited: Promise<unknown>): void {
  let expected = false;
  context.teardown.add(`${name} watch`, () => {
    expected = true;
  });
  void exited.then(() => {
    if (!expected) context.onLost(new Error(`${name} has ended`));
  });
}

/** DATABASE_URL, migrated by MIGRATION_DATABASE_URL where its login owns nothing; else a PostgreSQL of our own. */
export async function bootDatabase(context: PartContext): Promise<DatabasePart> {
  const given = context.given['DATABASE_URL'];
  if (given) {
    const ownerUrl = context.given['MIGRATION_DATABASE_URL'] ?? given;
    const applied = await reaching(ownerUrl === given ? 'DATABASE_URL' : 'MIGRATION_DATABASE_URL', ownerUrl, () =>
      migrateFor(given, ownerUrl),
    );
    context.log(`database: given by DATABASE_URL, ${applied.length} migrations applied`);
    return { url: given, ownerUrl, pid: null };
  }
  const postgres = await startPostgres({ directory: context.run.directory, durable: true });
  context.teardown.add('PostgreSQL', () => postgres.stop());
  watch(context, 'PostgreSQL', postgres.exited);
  context.run.addChild('postgres', postgres.pid);
  const ownerUrl = await postgres.createDatabase(DATABASE_NAME);
  await migrateDeploy(ownerUrl);
  const url = await createApplicationLogin(ownerUrl);
  context.log(`database: PostgreSQL of our own on port ${postgres.port}`);
  return { url, ownerUrl, pid: postgres.pid };
}

export interface ChainPart {
  readonly rpcUrl: string;
  readonly chainId: DevChainId;
  readonly pid: number | null;
  readonly usdc: string;
  readonly payTo: string;
  readonly settlementPrivateKey: string | undefined;
  readonly settlementWallet: string | null;
  readonly refundPrivateKey: string | undefined;
  readonly refundWallet: string | null;
  /** Wallets with money; none on a chain that is not ours. */
  readonly agents: readonly DevAccount[];
  readonly own: Chain | null;
}

/** Addresses of the comma-separated keys, comma-separated. */
function walletsOf(privateKeys: string | undefined): string | null {
  if (privateKeys === undefined) return null;
  return privateKeys
    .split(',')
    .map((key) => privateKeyToAccount(key.trim() as `0x${string}`).address)
    .join(',');
}

/** RPC_URL with the wallets of the configuration, else a chain of our own with development wallets. */
export async function bootChain(context: PartContext): Promise<ChainPart> {
  const { given } = context;
  const chainId: DevChainId = given['X402_NETWORK'] === 'base' ? 8453 : 84532;
  const usdc = USDC_ADDRESS[chainId];
  const rpcUrl = given['RPC_URL'];
  const givenKey = given['SETTLEMENT_PRIVATE_KEY'];
  if (rpcUrl) {
    const payTo = given['PAY_TO'];
    if (!payTo) throw new ConfigurationError(['PAY_TO: is needed when RPC_URL is given']);
    context.log('chain: given by RPC_URL; no development money and no development keys');
    const wallet = walletsOf(givenKey);
    return {
      rpcUrl,
      chainId,
      pid: null,
      usdc,
      payTo,
      settlementPrivateKey: givenKey,
      settlementWallet: wallet,
      refundPrivateKey: given['REFUND_PRIVATE_KEY'],
      refundWallet: walletsOf(given['REFUND_PRIVATE_KEY']),
      agents: [],
      own: null,
    };
  }
  const chain = await startChain({ directory: context.run.directory, chainId });
  context.teardown.add('the chain', () => chain.stop());
  watch(context, 'the local chain', chain.exited);
  context.run.addChild('chain', chain.pid);
  const agents = DEV_ACCOUNT_INDEX.agents.map(devAccount);
  for (const agent of agents) await chain.mint(agent.address, AGENT_BALANCE_ATOMIC);
  const settlementPrivateKey = givenKey ?? devAccount(DEV_ACCOUNT_INDEX.settlement).privateKey;
  const settlementWallet = walletsOf(settlementPrivateKey);
  const refundPrivateKey = given['REFUND_PRIVATE_KEY'] ?? devAccount(DEV_ACCOUNT_INDEX.refunds).privateKey;
  const refundWallet = walletsOf(refundPrivateKey);
  for (const wallet of [settlementWallet, refundWallet].flatMap((wallets) => wallets?.split(',') ?? []))
    await chain.rpc('anvil_setBalance', [wallet, ETH_FOR_GAS]);
  context.log(`chain: our own (id ${chainId}) at ${chain.rpcUrl}, ${agents.length} agents with 1,000 USDC each`);
  const payTo = given['PAY_TO'] ?? devAccount(DEV_ACCOUNT_INDEX.payTo).address;
  await chain.mint(payTo as Address, REFUND_FLOAT_ATOMIC);
  return {
    rpcUrl: chain.rpcUrl,
    chainId,
    pid: chain.pid,
    usdc,
    payTo,
    settlementPrivateKey,
    settlementWallet,
    refundPrivateKey,
    refundWallet,
    agents,
    own: chain,
  };
}

export interface ProviderPart {
  readonly name: 'container' | 'modal';
  /** Settings of the provider for the gateway and the worker. */
  readonly env: Readonly<Record<string, string>>;
  readonly dockerHost: string | null;
}

/** Modal where MODAL_TOKEN_ID is given (or SANDBOX_PROVIDER says so), else a container engine with the sandbox image. */
export async function bootProvider(context: PartContext): Promise<ProviderPart> {
  const { given, log } = context;
  const wanted = given['SANDBOX_PROVIDER'] ?? (given['MODAL_TOKEN_ID'] ? 'modal' : 'container');
  if (wanted === 'modal') {
    log('sandboxes: Modal, given by MODAL_TOKEN_ID');
    return { name: 'modal', env: { SANDBOX_PROVIDER: 'modal' }, dockerHost: null };
  }
  const engine = await findOrStartEngine(context.run, log);
  context.teardown.add('the container engine', () => engine.stop());
  log(`sandboxes: ${engine.kind} ${engine.isOwn ? 'of our own' : `at ${engine.dockerHost}`}`);
  const references = given['SANDBOX_IMAGE_REFERENCES'] ?? (await ensureSandboxImage(engine, context.run, log));
  const agentFile = await ensureAgent(log);
  return {
    name: 'container',
    env: {
      SANDBOX_PROVIDER: 'container',
      DOCKER_HOST: engine.dockerHost,
      SANDBOX_IMAGE_REFERENCES: references,
      ...(agentFile === null ? {} : { SANDBOX_AGENT_FILE: agentFile }),
    },
    dockerHost: engine.dockerHost,
  };
}

/**
 * Removes the containers of the installation, unless other processes of it are still connected to the database: then
 * the sandboxes are theirs too.
 */
export async function removeInstallationContainers(
  databaseUrl: string,
  installationId: string,
  dockerHost: string,
): Promise<void> {
  const others = await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ count: string }>(
      `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'tollbox%'`,
    );
    return Number(rows[0]?.count ?? 0);
  });
  if (others === 0) await removeContainers(dockerHost, installationLabel(installationId));
}

import type { PrivateKeyAccount } from 'viem/accounts';
import type { Chain } from '@tollbox/devstack/chain';
import { stateDirectory } from '@tollbox/devstack/paths';
import type { Stack } from '@tollbox/devstack/stack';
import type { SandboxProvider } from '@tollbox/sandboxes/application/ports/provider';
import { createContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import path from 'node:path';
import { Buyers, fundedWallets, type PaidOperation } from './buyers';
import type { Instruments } from './contest';
import { CpuMeter } from './cpu';
import { HttpClient } from './http-client';
import type { Plan } from './options';
import { RawEngine } from './raw-engine';

export const SANDBOX_MEMORY_MIB = 128;
export const CREATE_BODY = { timeout: 300, memory: SANDBOX_MEMORY_MIB };
const PIDS_LIMIT = 256;
const REMOVALS_AT_ONCE = 4;
const REMOVE_WITHIN_MS = 30_000;

/** A sandbox that was bought, and the container it is. */
export interface BoughtSandbox {
  readonly owner: PrivateKeyAccount;
  readonly sandboxId: string;
  readonly containerId: string;
}

/** Everything that scenarios measure with. */
export interface World extends Instruments {
  readonly stack: Stack;
  readonly chain: Chain;
  readonly plan: Plan;
  readonly http: HttpClient;
  readonly buyers: Buyers;
  readonly wallets: readonly PrivateKeyAccount[];
  readonly raw: RawEngine;
  readonly provider: SandboxProvider;
  readonly sandboxes: BoughtSandbox[];
}

/** The price that the gateway quotes for a call. */
async function quote(http: HttpClient, operation: PaidOperation): Promise<bigint> {
  const bodies = { create: {}, exec: { sandbox_id: 'sb-none', command: ['true'] }, status: { sandbox_id: 'sb-none' } };
  const body = Buffer.from(JSON.stringify(bodies[operation]), 'utf8');
  const answer = await http.post(`/api/v1/modal/sandbox/${operation}`, body);
  const required = answer.headers['payment-required'];
  if (answer.status !== 402 || typeof required !== 'string')
    throw new Error(`an unpaid ${operation} was answered with ${answer.status}`);
  const terms = JSON.parse(Buffer.from(required, 'base64').toString('utf8')) as { accepts: { amount: string }[] };
  return BigInt(terms.accepts[0]!.amount);
}

export async function openWorld(stack: Stack, plan: Plan, signal: AbortSignal): Promise<World> {
  const { own: chain } = stack.chain;
  const { dockerHost } = stack.provider;
  if (chain === null || dockerHost === null) throw new Error('the benchmark runs on its own chain and a container engine only');
  const http = new HttpClient(stack.gatewayUrl);
  const [create, exec, status] = [await quote(http, 'create'), await quote(http, 'exec'), await quote(http, 'status')];
  const [soldImage, imageReference] = stack.provider.env['SANDBOX_IMAGE_REFERENCES']!.split('=') as [string, string];
  const provider = await createContainerProvider({
    dockerHost,
    imageReferences: new Map([[soldImage, imageReference]]),
    pidsLimit: PIDS_LIMIT,
    agentFile: stack.provider.env['SANDBOX_AGENT_FILE'],
    sharedDirectory: path.join(stateDirectory(), 'seccomp'),
  });
  return {
    stack,
    chain,
    plan,
    signal,
    http,
    provider,
    buyers: new Buyers(http, stack.chain.payTo as `0x${string}`, { create, exec, status }),
    wallets: await fundedWallets(chain, plan.payers + 1), // the last one warms up
    raw: new RawEngine(dockerHost, imageReference, stack.installationId),
    cpu: new CpuMeter({
      gateway: stack.gatewayPid,
      worker: stack.workerPid,
      ...(stack.database.pid === null ? {} : { PostgreSQL: stack.database.pid }),
      ...(stack.chain.pid === null ? {} : { 'dev chain': stack.chain.pid }),
    }),
    sandboxes: [],
  };
}

/** Gives everything back; the sandboxes too, since many are removed sooner side by side than one after another. */
export async function closeWorld(world: World): Promise<void> {
  world.http.close();
  await world.raw.removeCreated();
  const remaining = world.sandboxes.splice(0);
  const remove = async () => {
    for (let next = remaining.pop(); next !== undefined; next = remaining.pop())
      await world.provider.terminate({ providerRef: next.containerId }, AbortSignal.timeout(REMOVE_WITHIN_MS));
  };
  await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, remove));
  await world.provider.close();
}

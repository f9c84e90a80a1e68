import { randomUUID } from 'node:crypto';
import type { PrivateKeyAccount } from 'viem/accounts';
import { withClient } from '@tollbox/devstack/database';
import { contest, type Contender, type Measurement } from '../contest';
import { CREATE_BODY, SANDBOX_MEMORY_MIB, type World } from '../world';

const DEADLINE_MS = 60_000;

export interface Bought {
  readonly owner: PrivateKeyAccount;
  readonly sandboxId: string;
}

/** One paid create of a wallet. The sandbox stays. */
export async function signedCreate(world: World, owner: PrivateKeyAccount, bought: Bought[]): Promise<() => Promise<void>> {
  const request = await world.buyers.sign(owner, 'create', CREATE_BODY);
  return async () => {
    const { body } = await world.buyers.pay(request);
    const { sandbox_id: sandboxId } = JSON.parse(body.toString('utf8')) as { sandbox_id: string };
    bought.push({ owner, sandboxId });
  };
}

/** Notes which containers the sandboxes are, for the contenders that go around Tollbox. */
export async function rememberSandboxes(world: World, bought: readonly Bought[]): Promise<void> {
  const { rows } = await withClient(world.stack.database.url, (client) =>
    client.query<{ id: string; provider_ref: string }>('SELECT id, provider_ref FROM sandboxes WHERE id = ANY ($1)', [
      bought.map(({ sandboxId }) => sandboxId),
    ]),
  );
  const containers = new Map(rows.map((row) => [row.id, row.provider_ref]));
  for (const one of bought) {
    const containerId = containers.get(one.sandboxId);
    if (containerId === undefined) throw new Error(`sandbox ${one.sandboxId} has no container`);
    world.sandboxes.push({ ...one, containerId });
  }
}

function rawCreate(world: World): Contender {
  return {
    name: 'raw engine',
    prepare: (count) => Array.from({ length: count }, () => () => world.raw.createAndStart(SANDBOX_MEMORY_MIB)),
    cleanUp: () => world.raw.removeCreated(),
  };
}

function providerCreate(world: World): Contender {
  const made: string[] = [];
  const create = async () => {
    const spec = {
      sandboxId: `sb-${randomUUID()}`,
      installationId: world.stack.installationId,
      image: 'python:3.11',
      cpuMillis: 1_000,
      memoryMiB: SANDBOX_MEMORY_MIB,
      gpu: null,
      lifetimeMs: CREATE_BODY.timeout * 1_000,
    };
    const { providerRef } = await world.provider.create(spec, AbortSignal.timeout(DEADLINE_MS));
    made.push(providerRef);
  };
  return {
    name: 'provider',
    prepare: (count) => Array.from({ length: count }, () => create),
    async cleanUp() {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      await Promise.all(made.splice(0).map((providerRef) => world.provider.terminate({ providerRef }, signal)));
    },
  };
}

/** Paid creates, one for every payer; what they make is what the other scenarios use. */
export async function measureCreate(world: World): Promise<Measurement[]> {
  const bought: Bought[] = [];
  const waiting = world.wallets.slice(0, world.plan.payers);
  const paid: Contender = {
    name: 'paid call',
    prepare: (count) => Promise.all(waiting.splice(0, count).map((owner) => signedCreate(world, owner, bought))),
  };
  const contenders = [rawCreate(world), providerCreate(world), paid];
  const { createLatency, createThroughput } = world.plan;
  const latency = await contest('create', contenders, createLatency, world);
  const throughput = await contest('create', contenders, createThroughput, world);
  await rememberSandboxes(world, bought);
  return [...latency, ...throughput];
}

import { randomUUID } from 'node:crypto';
import { systemIds, systemRandom } from '@tollbox/platform/clock/random';
import { mapConcurrently } from '@tollbox/platform/process/map-concurrently';
import { OperationRegistry } from '@tollbox/platform/operations/operation';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { Reap } from '@tollbox/reaper/application/reap';
import { PgReaperStore } from '@tollbox/reaper/infrastructure/pg-reaper.store';
import { KeepPool } from '@tollbox/sandboxes/application/keep-pool';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { poolSettings } from '@tollbox/sandboxes/application/pool-settings';
import { assembleSandboxes, type Sandboxes } from '@tollbox/sandboxes/assemble';
import { PgPoolStore } from '@tollbox/sandboxes/infrastructure/persistence/pool-rows';
import { PgSnapshotStore } from '@tollbox/sandboxes/infrastructure/persistence/snapshot.store';
import { interpreterParts } from '@tollbox/sandboxes/infrastructure/interpreter/kernel';
import { PgTunnelStore } from '@tollbox/sandboxes/infrastructure/persistence/tunnel.store';
import { ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, ORDER, wallet, type World } from '../support/sandboxes/world';

const SESSIONS = 150;
const CONCURRENCY = 16;
const running = new AbortController().signal;

/** The process died: nothing of it runs on, and nobody hears its errors. */
class Killed extends Error {}

/** Numbers from a seed, so that a failing run can be repeated. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An object whose process may die before any of its calls or between the call's effect and its answer. */
function mortal<T extends object>(target: T, roll: () => number): T {
  return new Proxy(target, {
    get(object, key, receiver) {
      const value: unknown = Reflect.get(object, key, receiver);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (roll() < 0.02) throw new Killed();
        const result: unknown = await (value as (...all: unknown[]) => unknown).apply(object, args);
        if (roll() < 0.02) throw new Killed();
        return result;
      };
    },
  });
}

describe('sessions whose processes and sandboxes die at any moment', () => {
  const seed = Date.now() % 1_000_000;
  const roll = dice(seed);
  let isCalm = false;
  let provider: ScriptedProvider;
  let world: World;
  let healthy: OperationRegistry;
  beforeAll(async () => {
    provider = new ScriptedProvider();
    world = await openWorld(provider, {
      POOL_MAX: '6',
      POOL_MIN: '4',
      SANDBOX_MAX_CREATES_PER_MINUTE: '100000',
      SANDBOX_MAX_LIVE: '100000',
    });
    healthy = new OperationRegistry(world.sandboxes.operations);
    for (const method of ['create', 'exec', 'terminate', 'inspect', 'list'] as const) {
      const fail = () => {
        if (!isCalm && roll() < 0.03) throw new ProviderError(roll() < 0.5 ? 'timeout' : 'unavailable', 'chaos');
      };
      provider.before[method] = fail;
      provider.after[method] = fail;
    }
  });
  afterAll(() => world.close());

  const mortalProcess = (): Sandboxes =>
    assembleSandboxes(world.config, {
      store: mortal(world.store, roll),
      snapshotStore: new PgSnapshotStore(world.pool),
      tunnelStore: new PgTunnelStore(world.pool),
      interpreter: interpreterParts(world.pool),
      pool: mortal(new PgPoolStore(world.pool), roll),
      provider,
      installation: { id: world.installationId, isDraining: () => Promise.resolve(false) },
      clock: { nowMs: () => Date.now() },
      ids: systemIds,
      random: systemRandom,
      phases: { reached: () => undefined },
      refusals: { foreignSandbox: () => undefined },
      observer: { lateSandboxLeft: () => undefined },
    });

  /** Runs an operation as a paid call does: a void for a refusal; after a death, recovery decides. */
  async function call<T>(
    name: string,
    work: (operationId: string) => Promise<T>,
  ): Promise<{ operationId: string; answer: T | null }> {
    const operationId = randomUUID();
    try {
      return { operationId, answer: await work(operationId) };
    } catch (error) {
      if (error instanceof TollboxError) return { operationId, answer: null };
      if (!(error instanceof Killed)) throw error;
    }
    for (;;) {
      try {
        const outcome = await healthy.get(name).outcomeOf(operationId);
        return { operationId, answer: outcome.kind === 'done' ? (outcome.answer.body as T) : null };
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error; // the question stays open, and is asked again
      }
    }
  }

  it('leave no sandbox, no row that is stuck, and nothing charged that was not done', async () => {
    const charged: { name: string; operationId: string; sandboxId: string }[] = [];
    const keeper = new KeepPool(
      new PgPoolStore(world.pool),
      world.store,
      world.sandboxes.provider,
      { id: world.installationId, isDraining: () => Promise.resolve(false) },
      systemIds,
      () => `sb-pool${randomUUID().replaceAll('-', '')}`,
      poolSettings(world.config, 'chaos'),
      () => undefined,
    );
    const workers = [world.sandboxes, world.another()].map(
      ({ ender }) =>
        new Reap(
          new PgReaperStore(world.pool),
          ender,
          { nowMs: () => Date.now() },
          { provider: 'container', createLimitMs: 70_000, retryAfterMs: 1_000, batch: 100, concurrency: 8 },
          { info: () => undefined, problem: () => undefined, alarm: () => undefined },
        ),
    );
    await mapConcurrently(Array.from({ length: SESSIONS }), CONCURRENCY, async () => {
      const owner = wallet();
      const gateway = mortalProcess();
      const created = await call('sandbox.create', (operationId) =>
        gateway.create.execute({ owner, operationId, order: { ...ORDER, memoryMiB: 512 } }),
      );
      if (roll() < 0.2) await keeper.run(running);
      if (roll() < 0.2) await workers[Math.floor(roll() * 2)]!.tick(running);
      if (created.answer === null) return;
      const { sandbox_id: sandboxId } = created.answer;
      charged.push({ name: 'sandbox.create', operationId: created.operationId, sandboxId });
      if (roll() < 0.1)
        provider.end(sandboxId, roll() < 0.5 ? { kind: 'not_found' } : { kind: 'ended', returncode: 137, outOfMemory: true });
      const executed = await call('sandbox.exec', (operationId) =>
        gateway.exec.execute({ owner, operationId, sandboxId, argv: ['true'], timeoutMs: 1_000 }),
      );
      if (executed.answer !== null) charged.push({ name: 'sandbox.exec', operationId: executed.operationId, sandboxId });
      await call('sandbox.terminate', (operationId) => gateway.terminate.execute({ owner, operationId, sandboxId }));
    });

    // Everybody has gone; hours pass, and the workers go on.
    isCalm = true;
    await world.query('ALTER TABLE sandboxes DISABLE TRIGGER sandboxes_guard');
    await world.query(`UPDATE sandboxes SET deadline_at = now() - interval '1 s', created_at = created_at - interval '1 h'`);
    await world.query('ALTER TABLE sandboxes ENABLE TRIGGER sandboxes_guard');
    for (let pass = 0; pass < 4; pass++) {
      await world.query(`UPDATE sandboxes SET end_attempt_at = now() - interval '1 s' WHERE end_attempt_at IS NOT NULL`);
      for (const worker of workers) {
        await worker.tick(running);
        await worker.idle();
      }
    }

    const stuck = await world.query(
      `SELECT id, state, desired_state FROM sandboxes WHERE state NOT IN ('terminated', 'failed', 'lost')`,
    );
    expect({ seed, stuck }).toEqual({ seed, stuck: [] });
    const live = await world.query<{ ref: string }>('SELECT provider_ref AS ref FROM sandboxes');
    const known = new Set(live.map(({ ref }) => ref));
    // An object that no row names is an orphan, which the sweep removes by its label once it is old enough.
    expect({ seed, left: [...provider.objects.keys()].filter((ref) => known.has(ref)) }).toEqual({ seed, left: [] });
    for (const { name, operationId, sandboxId } of charged) {
      const done =
        name === 'sandbox.create'
          ? `SELECT 1 FROM sandboxes WHERE operation_id = $1 AND id = $2 AND started_at IS NOT NULL AND owner IS NOT NULL`
          : `SELECT 1 FROM executions WHERE operation_id = $1 AND sandbox_id = $2 AND state = 'finished'`;
      expect({ seed, name, rows: (await world.query(done, [operationId, sandboxId])).length }).toEqual({ seed, name, rows: 1 });
    }
    const twice = await world.query(
      `SELECT sandbox_id FROM sandbox_events WHERE kind IN ('claimed', 'started', 'adopted') GROUP BY 1 HAVING count(*) > 1`,
    );
    expect({ seed, twice }).toEqual({ seed, twice: [] });
    expect(charged.length).toBeGreaterThan(SESSIONS / 4);
  });
});

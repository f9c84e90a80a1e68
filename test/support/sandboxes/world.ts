import { randomBytes, randomUUID } from 'node:crypto';
import { systemIds, systemRandom } from '@tollbox/platform/clock/random';
import { loadConfig, type Config } from '@tollbox/platform/config/config';
import type { PhaseBoundary } from '@tollbox/platform/faults/phase-boundaries';
import type { Operation } from '@tollbox/platform/operations/operation';
import { OperationRegistry } from '@tollbox/platform/operations/operation';
import type { SandboxProvider } from '@tollbox/sandboxes/application/ports/provider';
import { assembleSandboxes, type Sandboxes } from '@tollbox/sandboxes/assemble';
import type { CreateAnswer } from '@tollbox/sandboxes/domain/answers';
import type { SandboxOrder } from '@tollbox/sandboxes/domain/sandbox';
import { PgPoolStore } from '@tollbox/sandboxes/infrastructure/persistence/pool-rows';
import { PgSandboxStore } from '@tollbox/sandboxes/infrastructure/persistence/sandbox.store';
import { PgSnapshotStore } from '@tollbox/sandboxes/infrastructure/persistence/snapshot.store';
import { interpreterParts } from '@tollbox/sandboxes/infrastructure/interpreter/kernel';
import { PgTunnelStore } from '@tollbox/sandboxes/infrastructure/persistence/tunnel.store';
import { Pool, types } from 'pg';
import { testDatabase, type TestDatabase } from '../stack';

export const ORDER: SandboxOrder = { image: 'python:3.11', cpuMillis: 1000, memoryMiB: 256, gpu: null, lifetimeMs: 300_000 };

export const wallet = (): string => `0x${randomBytes(20).toString('hex')}`;

/** The sandboxes library over a database of its own and a given provider, put together as the Nest module does it. */
export interface World {
  readonly config: Config;
  readonly pool: Pool;
  readonly database: TestDatabase;
  readonly store: PgSandboxStore;
  readonly snapshotStore: PgSnapshotStore;
  readonly sandboxes: Sandboxes;
  readonly installationId: string;
  readonly refusals: { owner: string; sandboxId: string; operation: string }[];
  readonly lateSandboxes: string[];
  readonly phases: PhaseBoundary[];
  /** Added to the clock of the library; the database's clock stays. */
  clockOffsetMs: number;
  operation(name: string): Operation;
  /** A created sandbox and the operation that created it. */
  create(owner?: string, order?: Partial<SandboxOrder>): Promise<{ answer: CreateAnswer; owner: string; operationId: string }>;
  /** A second process over the same database and provider, with other settings. */
  another(overrides?: Record<string, string>, provider?: SandboxProvider): Sandboxes;
  query<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>;
  state(sandboxId: string): Promise<{ state: string; desired_state: string; reason: string | null }>;
  close(): Promise<void>;
}

export function testConfig(databaseUrl: string, overrides: Record<string, string> = {}): Config {
  return loadConfig({
    DATABASE_URL: databaseUrl,
    RPC_URL: 'http://127.0.0.1:1',
    PAY_TO: `0x${'11'.repeat(20)}`,
    ...overrides,
  });
}

export async function openWorld(provider: SandboxProvider, overrides: Record<string, string> = {}): Promise<World> {
  const database = await testDatabase();
  const config = testConfig(database.url, overrides);
  const pool = new Pool({ connectionString: database.url, max: 20, types });
  const installationId = randomUUID();
  await pool.query(`INSERT INTO installation (id, network, asset, pay_to) VALUES ($1, 'eip155:84532', '0xa', '0xb')`, [
    installationId,
  ]);
  const store = new PgSandboxStore(pool);
  const snapshotStore = new PgSnapshotStore(pool);
  const world = { clockOffsetMs: 0 };
  const refusals: World['refusals'] = [];
  const lateSandboxes: string[] = [];
  const phases: PhaseBoundary[] = [];
  const installation = {
    id: installationId,
    isDraining: async () => (await pool.query('SELECT 1 FROM installation WHERE drained_at IS NOT NULL')).rowCount === 1,
  };
  const assemble = (settings: Config, over: SandboxProvider): Sandboxes =>
    assembleSandboxes(settings, {
      store,
      snapshotStore,
      pool: new PgPoolStore(pool),
      tunnelStore: new PgTunnelStore(pool),
      interpreter: interpreterParts(pool),
      provider: over,
      installation,
      clock: { nowMs: () => Date.now() + world.clockOffsetMs },
      ids: systemIds,
      random: systemRandom,
      phases: { reached: (boundary) => void phases.push(boundary) },
      refusals: { foreignSandbox: (attempt) => void refusals.push(attempt) },
      observer: { lateSandboxLeft: (sandboxId) => void lateSandboxes.push(sandboxId) },
    });
  const sandboxes = assemble(config, provider);
  const operations = new OperationRegistry(sandboxes.operations);
  const query = async <Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> =>
    (await pool.query<Row>(sql, values)).rows;
  return Object.assign(world, {
    config,
    pool,
    database,
    store,
    snapshotStore,
    sandboxes,
    installationId,
    refusals,
    lateSandboxes,
    phases,
    operation: (name: string) => operations.get(name),
    create: async (owner = wallet(), order: Partial<SandboxOrder> = {}) => {
      const operationId = randomUUID();
      return {
        answer: await sandboxes.create.execute({ owner, operationId, order: { ...ORDER, ...order } }),
        owner,
        operationId,
      };
    },
    another: (more: Record<string, string> = {}, over = provider) =>
      assemble(testConfig(database.url, { ...overrides, ...more }), over),
    query,
    state: async (sandboxId: string) =>
      (
        await query<{ state: string; desired_state: string; reason: string | null }>(
          'SELECT state, desired_state, reason FROM sandboxes WHERE id = $1',
          [sandboxId],
        )
      )[0]!,
    close: async () => {
      // The pool does not wait for its connections to be gone; dropping the database may cut one that is still closing.
      pool.on('error', () => undefined);
      await pool.end();
      await database.drop();
    },
  });
}

/** Kinds of the events of a sandbox, in their order. */
export async function eventKinds(world: World, sandboxId: string): Promise<string[]> {
  const rows = await world.query<{ kind: string }>('SELECT kind FROM sandbox_events WHERE sandbox_id = $1 ORDER BY id', [
    sandboxId,
  ]);
  return rows.map(({ kind }) => kind);
}

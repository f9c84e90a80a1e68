import { setTimeout as pause } from 'node:timers/promises';
import { withClient } from '@tollbox/devstack/database';
import { bootStack, type Stack } from '@tollbox/devstack/stack';
import { checkMoney } from '../money';
import { planFrom } from '../options';
import { signedCreate, rememberSandboxes, type Bought } from '../scenarios/create';
import { warmUp } from '../scenarios/warm-up';
import { summarize, type LatencySummary } from '../stats';
import { closeWorld, openWorld, SANDBOX_MEMORY_MIB, type World } from '../world';

export interface Plan {
  /** Creates that are measured; the pool is as large. */
  readonly sample: number;
}

export interface Findings {
  readonly pooled: LatencySummary;
  /** Create and start of the engine itself, in turns with ours. */
  readonly raw: LatencySummary;
  readonly fromPool: number;
}

const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'XDG_RUNTIME_DIR'];
const FILL_LIMIT_MS = 240_000;
/** The warm-up takes some. */
const SPARE = 4;

/** The pool is filled once, at start: what makes new members would share the cores with what is measured. */
function environment({ sample }: Plan): NodeJS.ProcessEnv {
  const passed = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]));
  const size = String(sample + SPARE);
  return {
    ...passed,
    ...{ PORT: '0', LOG_LEVEL: 'warn', REQUESTS_PER_MINUTE_PER_IP: '10000000' },
    ...{ SANDBOX_MAX_LIVE: '10000', SANDBOX_DEFAULT_MEMORY_MIB: String(SANDBOX_MEMORY_MIB) },
    ...{ POOL_MAX: size, POOL_MIN: size, POOL_MAX_AGE_S: '3600', POOL_INTERVAL_MS: '600000' },
  };
}

async function filled(stack: Stack, size: number): Promise<void> {
  const endsAtMs = Date.now() + FILL_LIMIT_MS;
  for (;;) {
    const { rows } = await withClient(stack.database.url, (client) =>
      client.query<{ members: number }>(`SELECT count(*)::int AS members FROM sandboxes WHERE state = 'pooled'`),
    );
    if (rows[0]!.members >= size) return;
    if (Date.now() > endsAtMs) throw new Error(`the pool has ${rows[0]!.members} members after ${FILL_LIMIT_MS} ms`);
    await pause(200);
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function measureOn(world: World, { sample }: Plan): Promise<Findings> {
  const bought: Bought[] = [];
  const [pooledMs, rawMs]: [number[], number[]] = [[], []];
  for (const owner of world.wallets.slice(0, sample)) {
    world.signal.throwIfAborted();
    const create = await signedCreate(world, owner, bought);
    pooledMs.push(await timed(create));
    rawMs.push(await timed(() => world.raw.createAndStart(SANDBOX_MEMORY_MIB)));
    await world.raw.removeCreated();
  }
  await rememberSandboxes(world, bought);
  const { rows } = await withClient(world.stack.database.url, (client) =>
    client.query<{ claimed: number }>(
      `SELECT count(*)::int AS claimed FROM sandbox_events WHERE kind = 'claimed' AND sandbox_id = ANY ($1)`,
      [bought.map(({ sandboxId }) => sandboxId)],
    ),
  );
  await checkMoney(world);
  return { pooled: summarize(pooledMs), raw: summarize(rawMs), fromPool: rows[0]!.claimed };
}

export async function measurePool(plan: Plan, say: (line: string) => void): Promise<Findings> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => ending.abort(new Error(`ended by ${signal}`)));
  const stack = await bootStack({
    kind: 'bench',
    given: environment(plan),
    log: (line) => say(`  ${line}`),
    onLine: () => undefined,
    onFatal: (error) => ending.abort(error),
  });
  try {
    await filled(stack, plan.sample + SPARE);
    say(`  ${plan.sample + SPARE} members are in the pool, isolation ${stack.isolation ?? 'unknown'}`);
    const world = await openWorld(stack, { ...planFrom([]), payers: plan.sample }, ending.signal);
    try {
      await warmUp(world);
      const findings = await measureOn(world, plan);
      const { pooled, raw } = findings;
      const ms = ({ p50Ms, p99Ms }: LatencySummary) => `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`;
      say(`  ${plan.sample} creates, one at a time: from the pool, paid ${ms(pooled)}; raw engine create + start ${ms(raw)}`);
      return findings;
    } finally {
      await closeWorld(world);
    }
  } finally {
    await stack.stop();
  }
}

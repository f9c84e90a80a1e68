import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool, types } from 'pg';
import { systemClock } from '@tollbox/platform/clock/clock';
import { systemIds, systemRandom } from '@tollbox/platform/clock/random';
import { loadConfig } from '@tollbox/platform/config/config';
import { Reap } from '@tollbox/reaper/application/reap';
import { PgReaperStore } from '@tollbox/reaper/infrastructure/pg-reaper.store';
import { assembleSandboxes } from '@tollbox/sandboxes/assemble';
import { PgPoolStore } from '@tollbox/sandboxes/infrastructure/persistence/pool-rows';
import { PgSandboxStore } from '@tollbox/sandboxes/infrastructure/persistence/sandbox.store';
import { PgSnapshotStore } from '@tollbox/sandboxes/infrastructure/persistence/snapshot.store';
import { interpreterParts } from '@tollbox/sandboxes/infrastructure/interpreter/kernel';
import { PgTunnelStore } from '@tollbox/sandboxes/infrastructure/persistence/tunnel.store';
import { openServer } from '../scale/world';
import { quantile } from '../stats';
import type { Plan } from './options';
import { ProviderDouble } from './provider-double';

/** Time after the last deadline within which everything must be over. */
const LAST_MS = 20_000;
const LEASE_MS = 5_000;
/** PostgreSQL counts scans that much later. */
const STATISTICS_DELAY_MS = 2_000;
/** The first deadlines come after the rows are there and counted. */
const HEAD_START_S = 10;
const SCANS = `SELECT seq_scan::int AS scans FROM pg_stat_user_tables WHERE relname = 'sandboxes'`;

export interface Findings {
  readonly ended: number;
  readonly left: number;
  readonly terminations: number;
  readonly ticks: number;
  readonly longestTickMs: number;
  readonly p50AfterDeadlineMs: number;
  readonly p99AfterDeadlineMs: number;
  readonly worstAfterDeadlineMs: number;
  /** The largest p99 of one wallet. */
  readonly worstOwnerP99Ms: number;
  readonly tableScans: number;
}

const FILL = `INSERT INTO sandboxes (id, owner, state, operation_id, provider, provider_ref, isolation, network_policy, image,
    cpu_millis, memory_mib, lifetime_ms, started_at, deadline_at)
  SELECT 'sb-bench' || n, '0x' || n % $2, 'running', gen_random_uuid(), 'container', 'ref-' || n, 'gvisor', 'none', 'python:3.11',
    1000, 256, 300000, now(), clock_timestamp() + ($3 + n * $4::float8 / $1) * interval '1 s'
  FROM generate_series(1, $1::int) n`;

/** Workers as in a process of their own, except that they share this one. */
function workersOn(pool: Pool, url: string, provider: ProviderDouble, plan: Plan): Reap[] {
  const config = loadConfig({ DATABASE_URL: url, RPC_URL: 'http://127.0.0.1:1', PAY_TO: `0x${'11'.repeat(20)}` });
  const { ender } = assembleSandboxes(config, {
    store: new PgSandboxStore(pool),
    snapshotStore: new PgSnapshotStore(pool),
    pool: new PgPoolStore(pool),
    tunnelStore: new PgTunnelStore(pool),
    interpreter: interpreterParts(pool),
    provider,
    installation: { id: randomUUID(), isDraining: () => Promise.resolve(false) },
    clock: systemClock,
    ids: systemIds,
    random: systemRandom,
    phases: { reached: () => undefined },
    refusals: { foreignSandbox: () => undefined },
    observer: { lateSandboxLeft: () => undefined },
  });
  const settings = {
    provider: provider.name,
    createLimitMs: config.SANDBOX_CREATE_DEADLINE_MS,
    retryAfterMs: LEASE_MS,
    batch: plan.concurrency * 16,
    concurrency: plan.concurrency,
  };
  const log = { info: () => undefined, problem: (message: string) => console.error(message), alarm: () => undefined };
  return Array.from({ length: plan.workers }, () => new Reap(new PgReaperStore(pool), ender, systemClock, settings, log));
}

const ascending = (values: readonly number[]): number[] => [...values].sort((one, other) => one - other);

/** Ticks on the worker's schedule until nothing is left, or for too long. */
async function reapAll(reap: Reap, plan: Plan, isOver: () => boolean, tickMs: number[]): Promise<void> {
  const signal = new AbortController().signal;
  while (!isOver()) {
    const startedAt = performance.now();
    await reap.tick(signal);
    const tookMs = performance.now() - startedAt;
    tickMs.push(tookMs);
    await pause(Math.max(0, plan.tickIntervalMs - tookMs));
  }
  await reap.idle();
}

export async function measureReaper(plan: Plan, say: (line: string) => void): Promise<Findings> {
  const server = await openServer();
  const url = await server.database();
  const pool = new Pool({ connectionString: url, max: 20, types });
  try {
    await pool.query(FILL, [plan.rows, plan.owners, HEAD_START_S, plan.spreadS]);
    await pool.query('ANALYZE sandboxes');
    const { rows: sandboxes } = await pool.query<{ provider_ref: string; owner: string; deadline_at: Date }>(
      'SELECT provider_ref, owner, deadline_at FROM sandboxes',
    );
    say(`  ${sandboxes.length} live sandboxes of ${plan.owners} wallets; their deadlines take ${plan.spreadS} s`);
    await pause(STATISTICS_DELAY_MS);
    const scansBefore = (await pool.query<{ scans: number }>(SCANS)).rows[0]!.scans;
    const provider = new ProviderDouble(plan.terminateMs);
    const endsAtMs = Date.now() + (HEAD_START_S + plan.spreadS) * 1_000 + LAST_MS;
    const isOver = (): boolean => provider.goneAtMs.size >= plan.rows || Date.now() > endsAtMs;
    const tickMs: number[] = [];
    await Promise.all(workersOn(pool, url, provider, plan).map((reap) => reapAll(reap, plan, isOver, tickMs)));
    await pause(STATISTICS_DELAY_MS);
    const tableScans = (await pool.query<{ scans: number }>(SCANS)).rows[0]!.scans - scansBefore;
    const left = await pool.query(`SELECT 1 FROM sandboxes WHERE state <> 'terminated'`);
    return { ...summary(sandboxes, provider, tickMs), left: left.rowCount ?? 0, tableScans };
  } finally {
    pool.on('error', () => undefined); // ending does not wait for the connections; stopping the server cuts them
    await pool.end();
    await server.close();
  }
}

function summary(
  sandboxes: readonly { provider_ref: string; owner: string; deadline_at: Date }[],
  provider: ProviderDouble,
  tickMs: readonly number[],
): Omit<Findings, 'left' | 'tableScans'> {
  const late: number[] = [];
  const ofOwner = new Map<string, number[]>();
  for (const { provider_ref: ref, owner, deadline_at: deadlineAt } of sandboxes) {
    const goneAtMs = provider.goneAtMs.get(ref);
    if (goneAtMs === undefined) continue;
    const lateMs = goneAtMs - deadlineAt.getTime();
    late.push(lateMs);
    ofOwner.set(owner, [...(ofOwner.get(owner) ?? []), lateMs]);
  }
  const all = ascending(late);
  return {
    ended: all.length,
    terminations: provider.terminations,
    ticks: tickMs.length,
    longestTickMs: Math.max(...tickMs),
    p50AfterDeadlineMs: quantile(all, 0.5),
    p99AfterDeadlineMs: quantile(all, 0.99),
    worstAfterDeadlineMs: all.at(-1) ?? Number.NaN,
    worstOwnerP99Ms: Math.max(...[...ofOwner.values()].map((own) => quantile(ascending(own), 0.99))),
  };
}

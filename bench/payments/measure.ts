import { setTimeout as pause } from 'node:timers/promises';
import { addCpu, type CpuTimes } from '../cpu';
import { quantile } from '../stats';
import { requestBytes } from './connection';
import { runClosedLoop, runOpenLoop, type LoadResult } from './load';
import { compareMoney, drained, readMoney, type MoneyCheck } from './money';
import { signPayment } from './wallets';
import { FREE_PATH, LOAD_SIDE, PAID_PATH, type Server, type World } from './world';

/** What one block, or the median of several, says of a server. */
export interface Throughput {
  readonly server: Server['name'];
  readonly perSecond: number;
  /** CPU milliseconds of all processes of the server for each counted call. */
  readonly cpuMsPerCall: number;
  readonly cpuMsByProcess: Readonly<Record<string, number>>;
  /** The same of PostgreSQL, chain and load generator, which no server is charged for: it says which core is the limit. */
  readonly loadSideMsByProcess: Readonly<Record<string, number>>;
  readonly calls: number;
  readonly failures: number;
}

export interface Latency {
  readonly server: Server['name'];
  readonly perSecond: number;
  readonly calls: number;
  readonly failures: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export const median = (values: readonly number[]): number => {
  const ascending = [...values].sort((one, other) => one - other);
  const middle = ascending.length >> 1;
  return ascending.length % 2 === 1 ? ascending[middle]! : (ascending[middle - 1]! + ascending[middle]!) / 2;
};

/** Paid requests, signed now; the payers take turns. */
export function paidRequests(world: World, { url, terms }: Server, count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const payer = world.payers[index % world.payers.length]!;
    return requestBytes(url, PAID_PATH, { 'payment-signature': signPayment(payer, terms) });
  });
}

const failuresOf = ({ others }: LoadResult): number => Object.values(others).reduce((sum, count) => sum + count, 0);

/** A call of ours that is not answered as asked for fails the run; the peer's are counted and told. */
function refuseFailures(server: Server, result: LoadResult): void {
  if (server.name === 'ours' && failuresOf(result) > 0) throw new Error(`calls failed: ${JSON.stringify(result.others)}`);
}

export class Ledgered {
  readonly checks: MoneyCheck[] = [];

  constructor(private readonly world: World) {}

  /** Runs paid load, waits until its money is settled, and checks it. Returns the time from the first call to the drained queue. */
  async paid(
    scenario: string,
    server: Server,
    load: () => Promise<LoadResult>,
  ): Promise<{ result: LoadResult; elapsedMs: number }> {
    const before = await readMoney(this.world, server);
    const startedAt = performance.now();
    const result = await load();
    refuseFailures(server, result);
    if (server.name === 'ours') await drained(this.world);
    const elapsedMs = performance.now() - startedAt;
    const after = await readMoney(this.world, server);
    const check = compareMoney(scenario, server, result.latenciesMs.length, before, after);
    this.checks.push(check);
    if (!check.agrees) {
      const seen = { ...check, before, after, others: result.others };
      throw new Error(
        `the money does not agree: ${JSON.stringify(seen, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value))}`,
      );
    }
    this.world.checkNothingCrashed();
    return { result, elapsedMs };
  }
}

function throughputOf(server: Server, result: LoadResult, elapsedMs: number, cpuMs: CpuTimes): Throughput {
  const calls = result.latenciesMs.length;
  const perCall = (names: readonly string[]) => names.map((name) => [name, (cpuMs[name] ?? 0) / calls] as const);
  const byProcess = perCall(Object.keys(server.pids));
  return {
    server: server.name,
    perSecond: (calls / elapsedMs) * 1_000,
    cpuMsPerCall: byProcess.reduce((sum, [, ms]) => sum + ms, 0),
    cpuMsByProcess: Object.fromEntries(byProcess),
    loadSideMsByProcess: Object.fromEntries(perCall(LOAD_SIDE)),
    calls,
    failures: failuresOf(result),
  };
}

/** CPU milliseconds that each process used in `work`. */
async function withCpu<T>(server: Server, work: () => Promise<T>): Promise<{ value: T; cpuMs: CpuTimes }> {
  const before = server.cpu.read();
  const value = await work();
  const after = server.cpu.read();
  return { value, cpuMs: addCpu({}, before, after) };
}

const medianOf = (blocks: readonly Throughput[]): Throughput => {
  const first = blocks[0]!;
  const sum = (pick: (block: Throughput) => number) => blocks.reduce((total, block) => total + pick(block), 0);
  const medians = (pick: (block: Throughput) => Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.keys(pick(first)).map((name) => [name, median(blocks.map((block) => pick(block)[name] ?? 0))]));
  return {
    server: first.server,
    perSecond: median(blocks.map(({ perSecond }) => perSecond)),
    cpuMsPerCall: median(blocks.map(({ cpuMsPerCall }) => cpuMsPerCall)),
    cpuMsByProcess: medians(({ cpuMsByProcess }) => cpuMsByProcess),
    loadSideMsByProcess: medians(({ loadSideMsByProcess }) => loadSideMsByProcess),
    calls: sum(({ calls }) => calls),
    failures: sum(({ failures }) => failures),
  };
};

export interface Contest {
  readonly ours: Throughput;
  readonly peer: Throughput;
  readonly blocks: readonly Throughput[];
}

/** The medians of each server's blocks are what counts. */
export function contestOf(blocks: readonly Throughput[]): Contest {
  const of = (name: Server['name']) => medianOf(blocks.filter(({ server }) => server === name));
  return { ours: of('ours'), peer: of('peer'), blocks };
}

/** More requests than a block can use are signed. */
const SIGNED_PER_SECOND = { ours: 2_400, peer: 300 } as const;

/** Share of our payments since a time that were answered before their settlement. */
export async function earlyShare(world: World, since: Date): Promise<number> {
  const { rows } = await world.database.query<{ share: number | null }>(
    `SELECT avg((settlement_mode = 'optimistic')::int)::float8 AS share FROM payments WHERE claimed_at >= $1`,
    [since],
  );
  return rows[0]?.share ?? 0;
}

/** Paid calls a second of a closed loop, counted until the last payment is settled. */
export async function measurePaid(world: World, money: Ledgered, scenario: string, server: Server): Promise<Throughput> {
  const { blockMs, callers } = world.plan;
  const requests = paidRequests(world, server, Math.ceil((SIGNED_PER_SECOND[server.name] * blockMs) / 1_000));
  const options = { url: server.url, expectedStatus: 200, maxMs: blockMs, signal: world.signal, callers: callers[server.name] };
  const { value, cpuMs } = await withCpu(server, () => money.paid(scenario, server, () => runClosedLoop(requests, options)));
  return throughputOf(server, value.result, value.elapsedMs, cpuMs);
}

/** Unpaid calls a second of a closed loop, ours and the peer in turns. */
export async function measureUnpaid(world: World, servers: readonly [Server, Server]): Promise<Contest> {
  const { rounds, blockMs, callers } = world.plan;
  const requests = (url: string) => new Array<Buffer>((blockMs / 1_000) * 60_000).fill(requestBytes(url, PAID_PATH));
  const blocks: Throughput[] = [];
  for (const server of Array.from({ length: rounds }, () => servers).flat()) {
    const options = { url: server.url, expectedStatus: 402, maxMs: blockMs, signal: world.signal, callers: callers.unpaid };
    const { value, cpuMs } = await withCpu(server, () => runClosedLoop(requests(server.url), options));
    refuseFailures(server, value);
    blocks.push(throughputOf(server, value, value.elapsedMs, cpuMs));
  }
  return contestOf(blocks);
}

function latencyOf(server: Server, perSecond: number, result: LoadResult): Latency {
  const ascending = [...result.latenciesMs].sort((one, other) => one - other);
  return {
    server: server.name,
    perSecond,
    calls: ascending.length,
    failures: failuresOf(result),
    p50Ms: quantile(ascending, 0.5),
    p99Ms: quantile(ascending, 0.99),
  };
}

/** Latency of paid calls that arrive at a fixed rate, whether the server keeps up or not. */
export async function measureLatency(
  world: World,
  money: Ledgered,
  scenario: string,
  server: Server,
  { perSecond, forMs }: { readonly perSecond: number; readonly forMs: number },
): Promise<Latency> {
  const requests = paidRequests(world, server, Math.max(1, Math.ceil((perSecond * forMs) / 1_000)));
  const options = { url: server.url, expectedStatus: 200, maxMs: forMs, signal: world.signal, perSecond };
  const { result } = await money.paid(scenario, server, () => runOpenLoop(requests, options));
  return latencyOf(server, perSecond, result);
}

/** Latency of the same handler without a price, at the same rate. */
export async function measureFree(
  world: World,
  server: Server,
  { perSecond, forMs }: { perSecond: number; forMs: number },
): Promise<Latency> {
  const count = Math.max(1, Math.ceil((perSecond * forMs) / 1_000));
  const requests = new Array<Buffer>(count).fill(requestBytes(server.url, FREE_PATH));
  const options = { url: server.url, expectedStatus: 200, maxMs: forMs, signal: world.signal, perSecond };
  return latencyOf(server, perSecond, await runOpenLoop(requests, options));
}

const WARM_UP_CALLS = { ours: 2_048, peer: 128 } as const;

/** Until the code is warm, and every wallet has a settled payment: what optimistic calls ask for. */
export async function warmUp(world: World, money: Ledgered, server: Server): Promise<void> {
  const requests = paidRequests(world, server, WARM_UP_CALLS[server.name]);
  const callers = world.plan.callers[server.name];
  const options = { url: server.url, expectedStatus: 200, maxMs: 120_000, signal: world.signal, callers };
  await money.paid('warm-up', server, () => runClosedLoop(requests, options));
  await pause(100);
}

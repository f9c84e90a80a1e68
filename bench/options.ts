import { parseArgs } from 'node:util';

/** How often something is measured. A block is what one contender runs in one round. */
export interface BlockPlan {
  readonly rounds: number;
  readonly callsPerBlock: number;
  readonly concurrency: number;
  /** No further call starts after this time; the calls that run are waited for. */
  readonly maxBlockMs: number;
  /** No further round starts after this time; the first one always runs. */
  readonly maxMs: number;
}

export interface Plan {
  readonly name: 'full' | 'quick';
  /** Wallets that pay; each owns one sandbox. */
  readonly payers: number;
  readonly createLatency: BlockPlan;
  readonly createThroughput: BlockPlan;
  readonly statusLatency: BlockPlan;
  readonly statusThroughput: BlockPlan;
  readonly execLatency: BlockPlan;
  readonly execThroughput: BlockPlan;
  readonly unpaidLatency: BlockPlan;
  readonly unpaidConnections: number;
  readonly unpaidSeconds: number;
}

/** The creates of a plan, latency and throughput together, are one for every payer. */
const FULL: Plan = {
  name: 'full',
  payers: 64,
  createLatency: { rounds: 4, callsPerBlock: 8, concurrency: 1, maxBlockMs: 4_000, maxMs: 18_000 },
  createThroughput: { rounds: 4, callsPerBlock: 8, concurrency: 4, maxBlockMs: 4_000, maxMs: 18_000 },
  statusLatency: { rounds: 4, callsPerBlock: 40, concurrency: 1, maxBlockMs: 1_200, maxMs: 8_000 },
  statusThroughput: { rounds: 4, callsPerBlock: 200, concurrency: 16, maxBlockMs: 1_600, maxMs: 10_000 },
  execLatency: { rounds: 4, callsPerBlock: 15, concurrency: 1, maxBlockMs: 1_600, maxMs: 15_000 },
  execThroughput: { rounds: 4, callsPerBlock: 48, concurrency: 8, maxBlockMs: 1_600, maxMs: 15_000 },
  unpaidLatency: { rounds: 1, callsPerBlock: 500, concurrency: 1, maxBlockMs: 2_000, maxMs: 2_000 },
  unpaidConnections: 16,
  unpaidSeconds: 3,
};

const QUICK: Plan = {
  name: 'quick',
  payers: 12,
  createLatency: { rounds: 2, callsPerBlock: 2, concurrency: 1, maxBlockMs: 800, maxMs: 2_500 },
  createThroughput: { rounds: 2, callsPerBlock: 4, concurrency: 4, maxBlockMs: 800, maxMs: 2_500 },
  statusLatency: { rounds: 2, callsPerBlock: 15, concurrency: 1, maxBlockMs: 500, maxMs: 1_000 },
  statusThroughput: { rounds: 2, callsPerBlock: 64, concurrency: 16, maxBlockMs: 600, maxMs: 1_000 },
  execLatency: { rounds: 2, callsPerBlock: 5, concurrency: 1, maxBlockMs: 500, maxMs: 1_500 },
  execThroughput: { rounds: 2, callsPerBlock: 16, concurrency: 8, maxBlockMs: 500, maxMs: 1_500 },
  unpaidLatency: { rounds: 1, callsPerBlock: 200, concurrency: 1, maxBlockMs: 600, maxMs: 600 },
  unpaidConnections: 16,
  unpaidSeconds: 1,
};

/** An idle sandbox under gVisor costs a few percent of a core, so many of them would be what is measured. */
const GVISOR_MAX_PAYERS = 32;

export const USAGE = `npm run bench [-- --quick]
  --quick   fewer calls, under 40 s; the full run takes under 3 minutes`;

/** Throws with a text for the user when an argument is not known. */
export function planFrom(args: readonly string[]): Plan {
  const { values } = parseArgs({ args: [...args], options: { quick: { type: 'boolean', default: false } } });
  return values.quick ? QUICK : FULL;
}

/** The plan for the isolation that the sandboxes have. */
export function fitToIsolation(plan: Plan, isolation: string | null): Plan {
  if (isolation !== 'gvisor' || plan.payers <= GVISOR_MAX_PAYERS) return plan;
  const half = (block: BlockPlan): BlockPlan => ({ ...block, callsPerBlock: block.callsPerBlock / 2 });
  return {
    ...plan,
    payers: GVISOR_MAX_PAYERS,
    createLatency: half(plan.createLatency),
    createThroughput: half(plan.createThroughput),
  };
}

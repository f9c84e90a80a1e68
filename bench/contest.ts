import { addCpu, type CpuMeter, type CpuTimes } from './cpu';
import { runLoad, type Call } from './load';
import type { BlockPlan } from './options';
import { summarize } from './stats';

/** One way to do the same work. */
export interface Contender {
  readonly name: 'raw engine' | 'provider' | 'paid call' | 'unpaid call';
  /** Makes the calls of a block, signatures included, before the clock starts. */
  prepare(count: number): Promise<readonly Call[]> | readonly Call[];
  /** Clears away what a block made, after the clock has stopped. */
  cleanUp?(): Promise<void>;
}

export interface Measurement {
  readonly work: string;
  readonly contender: Contender['name'];
  readonly concurrency: number;
  readonly calls: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU milliseconds per call by process; empty where they cannot be read. */
  readonly cpuMsPerCall: CpuTimes;
}

/** What a contest is measured with. */
export interface Instruments {
  readonly cpu: CpuMeter;
  /** Aborted when the benchmark must end. */
  readonly signal: AbortSignal;
}

interface Tally {
  readonly latenciesMs: number[];
  elapsedMs: number;
  cpuMs: CpuTimes;
}

/**
 * Measures contenders side by side: they take turns in short blocks, so that what else happens on the machine meets all
 * of them alike. The order changes from round to round.
 */
export async function contest(
  work: string,
  contenders: readonly Contender[],
  plan: BlockPlan,
  { cpu, signal }: Instruments,
): Promise<Measurement[]> {
  const tallies = new Map<Contender, Tally>(
    contenders.map((contender) => [contender, { latenciesMs: [], elapsedMs: 0, cpuMs: {} }]),
  );
  const startedAt = performance.now();
  for (let round = 0; round < plan.rounds && (round === 0 || performance.now() - startedAt < plan.maxMs); round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length]!;
      const calls = await contender.prepare(plan.callsPerBlock);
      const before = cpu.read();
      try {
        const result = await runLoad(calls, { concurrency: plan.concurrency, maxMs: plan.maxBlockMs, signal });
        const tally = tallies.get(contender)!;
        tally.cpuMs = addCpu(tally.cpuMs, before, cpu.read());
        tally.latenciesMs.push(...result.latenciesMs);
        tally.elapsedMs += result.elapsedMs;
      } finally {
        await contender.cleanUp?.();
      }
    }
  }
  return contenders.map((contender) => measurementOf(work, contender, plan, tallies.get(contender)!));
}

function measurementOf(work: string, contender: Contender, plan: BlockPlan, tally: Tally): Measurement {
  const calls = tally.latenciesMs.length;
  return {
    work,
    contender: contender.name,
    concurrency: plan.concurrency,
    calls,
    perSecond: (calls / tally.elapsedMs) * 1_000,
    ...summarize(tally.latenciesMs),
    cpuMsPerCall: Object.fromEntries(Object.entries(tally.cpuMs).map(([name, ms]) => [name, ms / calls])),
  };
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux reports process times in ticks of this length to programs, whatever the kernel's own clock is. */
const TICK_MS = 10;

interface ProcessTimes {
  readonly parent: number;
  readonly ownTicks: number;
  /** Of children that have ended. */
  readonly endedChildrenTicks: number;
}

function timesOf(pid: number): ProcessTimes | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before the last parenthesis may hold anything; after it come numbered fields.
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent, user, system, childUser, childSystem] = [fields[1]!, fields[11]!, fields[12]!, fields[13]!, fields[14]!];
    return { parent, ownTicks: user + system, endedChildrenTicks: childUser + childSystem };
  } catch {
    return null; // it has ended
  }
}

/** CPU time of a process with its children, in ms: PostgreSQL works in a child for every connection. */
function cpuMsOf(pid: number): number {
  const times = timesOf(pid);
  if (times === null) throw new Error(`process ${pid} has ended under the benchmark`);
  let ticks = times.ownTicks + times.endedChildrenTicks;
  for (const entry of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const child = timesOf(Number(entry));
    if (child?.parent === pid) ticks += child.ownTicks;
  }
  return ticks * TICK_MS;
}

/** CPU milliseconds by process name. */
export type CpuTimes = Readonly<Record<string, number>>;

/** Reads how much CPU time the parts of the stack, and the load generator, have used. */
export class CpuMeter {
  private readonly isReadable = existsSync('/proc/self/stat');

  constructor(private readonly pids: Readonly<Record<string, number>>) {}

  /** Empty on systems without /proc. */
  read(): CpuTimes {
    if (!this.isReadable) return {};
    const { user, system } = process.cpuUsage();
    const parts = Object.entries(this.pids).map(([name, pid]) => [name, cpuMsOf(pid)] as const);
    return { ...Object.fromEntries(parts), 'load generator': (user + system) / 1_000 };
  }
}

export function addCpu(sum: CpuTimes, before: CpuTimes, after: CpuTimes): CpuTimes {
  return Object.fromEntries(Object.entries(after).map(([name, ms]) => [name, (sum[name] ?? 0) + ms - (before[name] ?? 0)]));
}

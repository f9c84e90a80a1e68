import { readFileSync } from 'node:fs';
import { runCommand } from '@tollbox/devstack/processes';

/** The cores of a list as Linux writes it: `0-2,5` is 0, 1, 2 and 5. */
export function parseCoreList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map(Number) as [number, number?];
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

/** Which core the servers have, and which everything else has. */
export interface Layout {
  readonly servers: number;
  readonly load: number;
}

/** Two cores that this process may use; null where there are not two, or the system has no taskset. */
export async function chooseLayout(): Promise<Layout | null> {
  try {
    const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
    const [servers, load] = parseCoreList(list);
    if (servers === undefined || load === undefined) return null;
    await pin(process.pid, load);
    return { servers, load };
  } catch {
    return null; // not Linux, or without util-linux: the processes then share all cores
  }
}

/** Binds all threads of a process to a core; what they start later is bound with them. */
export async function pin(pid: number, core: number): Promise<void> {
  await runCommand('taskset', ['-a', '-c', '-p', String(core), String(pid)], { timeoutMs: 5_000 });
}

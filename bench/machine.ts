import os from 'node:os';
import { runCommand } from '@tollbox/devstack/processes';
import { projectRoot } from '@tollbox/devstack/paths';

export interface Machine {
  readonly system: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly commit: string | null;
}

async function commitOf(directory: string): Promise<string | null> {
  try {
    const { stdout } = await runCommand('git', ['rev-parse', '--short', 'HEAD'], { cwd: directory, timeoutMs: 5_000 });
    return stdout.trim();
  } catch {
    return null; // not a git clone, or no git here: the figures then stand without it
  }
}

export async function describeMachine(): Promise<Machine> {
  const cpus = os.cpus();
  return {
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    cpu: cpus[0]?.model ?? 'unknown',
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    node: process.version,
    commit: await commitOf(projectRoot()),
  };
}

/** Runnable threads of the whole machine over the last minute; well above the number of cores, every time is noise. */
export const loadAverage = (): number => os.loadavg()[0] ?? 0;

import { readFileSync } from 'node:fs';
import { runCommand } from './processes';

const UNMOUNT_TIMEOUT_MS = 10_000;

/** Takes away everything that is mounted below these directories, the innermost first. */
export async function unmountBelow(directories: readonly string[]): Promise<void> {
  const mountPoints = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))),
    )
    .filter((point) => directories.some((directory) => point.startsWith(`${directory}/`)))
    .sort((one, other) => other.length - one.length);
  for (const point of mountPoints) await runCommand('umount', ['--lazy', point], { timeoutMs: UNMOUNT_TIMEOUT_MS });
}

import { ChildProcess, spawn, SpawnOptions } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { errorCode } from './error-code';

const ABORT_GRACE_MS = 3_000;

export const delay = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A TCP port of 127.0.0.1 that was free a moment ago; its user retries when somebody was faster. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('the operating system gave no port'));
      });
    });
  });
}

/** Signals a process that leads its group, and all of the group; one that has ended is fine. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

/** Start time of a process in clock ticks since boot, or null when there is no such process. With the pid it names one process for good. */
export function processStartTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended: it only waits for its parent to look.
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null; // the pid is free, or this system has no /proc: either way nothing can be said to be ours
  }
}

export interface ManagedProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The end of its log file, for error messages. */
  logTail(): string;
  /** Settles when the process has ended; never rejects. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts a program whose output goes to a file. Rejects when it cannot be started at all. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: SpawnOptions & { logFile: string },
): Promise<ManagedProcess> {
  const { logFile, ...spawnOptions } = options;
  const log = openSync(logFile, 'a', 0o600);
  try {
    // A group of its own: Ctrl-C in the terminal reaches the supervisor only, which ends its children in order.
    const child = spawn(command, args, { ...spawnOptions, detached: true, stdio: ['ignore', log, log] });
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    if (child.pid === undefined) throw new Error(`${command} did not start`);
    return { child, pid: child.pid, exited, logTail: () => readFileSync(logFile, 'utf8').slice(-2_000) };
  } finally {
    closeSync(log);
  }
}

/** Polls until `probe` answers true, the process ends, or the time is over. */
export async function waitUntilReady(
  managed: ManagedProcess,
  name: string,
  timeoutMs: number,
  probe: () => Promise<boolean>,
): Promise<void> {
  const ended = { yes: false };
  void managed.exited.then(() => {
    ended.yes = true;
  });
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    if (ended.yes) throw new Error(`${name} ended while starting:\n${managed.logTail()}`);
    if (await probe()) return;
    await delay(15);
  }
  throw new Error(`${name} was not ready after ${timeoutMs} ms:\n${managed.logTail()}`);
}

/** Asks a process to end, waits, and kills it when it does not. Safe to call again. */
export async function stopProcess(managed: ManagedProcess, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  if (managed.child.exitCode !== null || managed.child.signalCode !== null) return;
  managed.child.kill(signal);
  const timer = setTimeout(() => signalGroup(managed.pid, 'SIGKILL'), graceMs);
  await managed.exited;
  clearTimeout(timer);
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
}

const runningCommands = new Set<ChildProcess>();

/** Ends every program that runCommand is waiting for; their callers get an error. For an interrupted set-up. */
export function abortCommands(): void {
  for (const child of runningCommands) {
    if (child.pid === undefined) continue;
    const { pid } = child;
    signalGroup(pid, 'SIGTERM');
    setTimeout(() => {
      if (runningCommands.has(child)) signalGroup(pid, 'SIGKILL');
    }, ABORT_GRACE_MS).unref();
  }
}

export interface CommandOptions extends SpawnOptions {
  readonly timeoutMs: number;
  /** Told the pid as soon as there is one. */
  readonly onSpawn?: (pid: number) => void;
}

/** Runs a program to its end within `timeoutMs`; rejects with its stderr when it fails. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const { timeoutMs, onSpawn, ...spawnOptions } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...spawnOptions, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    runningCommands.add(child);
    if (child.pid !== undefined) onSpawn?.(child.pid);
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    const timer = setTimeout(() => {
      if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
    }, timeoutMs);
    const settle = (outcome: () => void) => {
      clearTimeout(timer);
      runningCommands.delete(child);
      outcome();
    };
    child.once('error', (error) => settle(() => reject(error)));
    child.once('close', (code, signal) => {
      const how = signal ?? `code ${code ?? 'none'}`;
      const problem = `${command} ${args[0] ?? ''} ended with ${how}: ${output.stderr.trim().slice(-2_000)}`;
      settle(() => (code === 0 ? resolve(output) : reject(new Error(problem))));
    });
  });
}

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { OutputBuffer, Wakeup } from './output-buffer';

/** Exactly one of both is set, as in Modal's answer to a wait. */
export interface ExitStatus {
  readonly code?: number;
  readonly signal?: number;
}

export interface LocalProcessOptions {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number | undefined;
  readonly keepStdout: boolean;
  readonly keepStderr: boolean;
}

/** A pipe that a killed process left open (a child in another group holds it) is cut after this time. */
const PIPE_GRACE_MS = 250;
const COMMAND_NOT_FOUND = 127;
const COMMAND_NOT_EXECUTABLE = 126;

/** One command of a sandbox: a local process in a process group of its own. */
export class LocalProcess {
  readonly stdout = new OutputBuffer();
  readonly stderr = new OutputBuffer();
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly wakeup = new Wakeup();
  private readonly timer: NodeJS.Timeout | undefined;
  private status: ExitStatus | undefined;
  private stdinBytes = 0;
  private stdinClosed = false;

  /** Throws when the operating system refuses the arguments (for example a NUL byte). */
  constructor(options: LocalProcessOptions) {
    const [command = '', ...args] = options.argv;
    this.child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: 'pipe', detached: true });
    this.child.stdout.on('data', (chunk: Buffer) => options.keepStdout && this.stdout.push(chunk));
    this.child.stderr.on('data', (chunk: Buffer) => options.keepStderr && this.stderr.push(chunk));
    // A process may end without reading its input; what it did not read is nobody's loss.
    this.child.stdin.on('error', () => undefined);
    this.child.on('error', (error: NodeJS.ErrnoException) => {
      const forbidden = error.code === 'EACCES';
      this.stderr.push(Buffer.from(`${command}: ${forbidden ? 'permission denied' : 'no such file or directory'}\n`));
      this.exited({ code: forbidden ? COMMAND_NOT_EXECUTABLE : COMMAND_NOT_FOUND });
    });
    this.child.on('exit', (code, signal) =>
      this.exited(signal === null ? { code: code ?? 0 } : { signal: constants.signals[signal] }),
    );
    if (this.child.pid !== undefined) {
      this.child.stdout.on('close', () => this.stdout.end());
      this.child.stderr.on('close', () => this.stderr.end());
    }
    this.child.on('close', () => this.endStreams());
    if (options.timeoutMs !== undefined) this.timer = setTimeout(() => this.kill(), options.timeoutMs);
  }

  get exitStatus(): ExitStatus | undefined {
    return this.status;
  }

  get stdinState(): { readonly numBytesWritten: number; readonly closed: boolean } {
    return { numBytesWritten: this.stdinBytes, closed: this.stdinClosed };
  }

  /** Resolves with the exit status, or with undefined when the signal is aborted first. */
  async waitForExit(signal: AbortSignal): Promise<ExitStatus | undefined> {
    while (this.status === undefined && !signal.aborted) await this.wakeup.next(signal);
    return this.status;
  }

  /** Bytes before the offset that has been reached are a repetition and are dropped. Returns false for a gap. */
  writeStdin(offset: number, data: Uint8Array, eof: boolean): boolean {
    if (this.stdinClosed || offset > this.stdinBytes) return false;
    const fresh = Buffer.from(data.subarray(this.stdinBytes - offset));
    this.stdinBytes += fresh.length;
    if (fresh.length > 0) this.child.stdin.write(fresh);
    if (eof) {
      this.stdinClosed = true;
      this.child.stdin.end();
    }
    return true;
  }

  /** Kills the whole process group. */
  kill(): void {
    if (this.status === undefined && this.child.pid !== undefined) killQuietly(-this.child.pid);
    setTimeout(() => {
      this.child.stdout.destroy();
      this.child.stderr.destroy();
    }, PIPE_GRACE_MS).unref();
  }

  private exited(status: ExitStatus): void {
    clearTimeout(this.timer);
    this.status ??= status;
    this.wakeup.notify();
  }

  private endStreams(): void {
    this.stdout.end();
    this.stderr.end();
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Kills what a sandbox left behind: processes that outlived the command that started them, found by a variable that
 * every process of the sandbox has in its environment. Does nothing on a system without /proc.
 */
export function killByMarker(variable: string, value: string): void {
  for (const pid of processIds()) {
    if (environmentOf(pid).includes(`${variable}=${value}`)) killQuietly(pid);
  }
}

function processIds(): readonly number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^[0-9]+$/.test(name))
      .map(Number);
  } catch {
    return []; // no /proc on this system
  }
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // the process has ended, or belongs to somebody else
  }
}

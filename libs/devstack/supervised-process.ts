import { ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { projectRoot } from './paths';
import { delay } from './processes';

const READY_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 20_000;
const RESTARTS_ALLOWED = 5;
const RESTART_WINDOW_MS = 60_000;
const RESTART_DELAY_MS = 250;
const KEPT_LINES = 40;

export interface SupervisedOptions {
  readonly name: string;
  /** Compiled entry point. It sends `{type:'ready', url?}` over IPC and ends when the channel closes. */
  readonly file: string;
  readonly env: () => NodeJS.ProcessEnv;
  readonly onLine: (name: string, line: string) => void;
  /** After every start, also one that follows a crash. */
  readonly onReady: (pid: number, url: string | null) => void;
  readonly onStarted: (pid: number) => void;
  /** When it crashed too often to be started again. */
  readonly onGivenUp: (error: Error) => void;
}

interface ReadyMessage {
  type: 'ready';
  url?: string;
}

function isReady(message: unknown): message is ReadyMessage {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';
}

/** A Node process of ours that is started again when it dies unasked. */
export class SupervisedProcess {
  private child: ChildProcess | undefined;
  private stopping = false;
  private restarts: number[] = [];
  private readonly lastLines: string[] = [];

  constructor(private readonly options: SupervisedOptions) {}

  /** Resolves when the process is ready; rejects with its last output when it ends before. */
  async start(): Promise<void> {
    const { name, file } = this.options;
    const child = fork(file, [], {
      cwd: projectRoot(),
      env: this.options.env(),
      execArgv: ['--enable-source-maps'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true, // Ctrl-C in the terminal reaches the supervisor only, which stops its children in order
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => this.receive(line));
    }
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    if (child.pid === undefined) throw new Error(`${name} did not start`);
    this.options.onStarted(child.pid);
    const url = await this.waitForReady(child);
    this.options.onReady(child.pid, url);
    child.once('exit', (code, signal) => void this.restart(signal ?? `code ${code ?? 'none'}`));
  }

  /** Asks the process to end, waits, and kills it when it does not. */
  async stop(): Promise<void> {
    this.stopping = true;
    const child = this.child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
    await ended;
    clearTimeout(timer);
  }

  private receive(line: string): void {
    this.lastLines.push(line);
    if (this.lastLines.length > KEPT_LINES) this.lastLines.shift();
    this.options.onLine(this.options.name, line);
  }

  private waitForReady(child: ChildProcess): Promise<string | null> {
    const { name } = this.options;
    return new Promise((resolve, reject) => {
      const settle = (action: () => void) => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        action();
      };
      const onMessage = (message: unknown) => {
        if (isReady(message)) settle(() => resolve(message.url ?? null));
      };
      const onExit = (code: number | null, signal: string | null) => {
        // One turn later its last lines have been read.
        setTimeout(() => {
          settle(() =>
            reject(
              new Error(
                `${name} ended with ${signal ?? `code ${code ?? 'none'}`} before it was ready:\n${this.lastLines.join('\n')}`,
              ),
            ),
          );
        }, 50);
      };
      const timer = setTimeout(() => {
        settle(() => reject(new Error(`${name} was not ready after ${READY_TIMEOUT_MS} ms:\n${this.lastLines.join('\n')}`)));
        child.kill('SIGKILL');
      }, READY_TIMEOUT_MS);
      child.on('message', onMessage);
      child.once('exit', onExit);
    });
  }

  private async restart(how: string): Promise<void> {
    if (this.stopping) return;
    const now = Date.now();
    this.restarts = [...this.restarts.filter((at) => now - at < RESTART_WINDOW_MS), now];
    const { name } = this.options;
    if (this.restarts.length > RESTARTS_ALLOWED) {
      this.options.onGivenUp(new Error(`${name} ended with ${how}, ${this.restarts.length} times within a minute`));
      return;
    }
    this.options.onLine(name, JSON.stringify({ level: 40, msg: `${name} ended with ${how}; starting it again` }));
    await delay(RESTART_DELAY_MS);
    if (this.isStopping()) return;
    try {
      await this.start();
    } catch (error) {
      if (!this.isStopping()) this.options.onGivenUp(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Asked anew after every wait: stop() may have been called meanwhile. */
  private isStopping(): boolean {
    return this.stopping;
  }
}

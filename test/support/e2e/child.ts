import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';

const ROOT = path.join(__dirname, '../../..');
const START_TIMEOUT_MS = 40_000;
const OUTPUT_CHARS = 200_000;

/** A process of Tollbox, as built into dist/, under a test that may kill it. */
export class Child {
  private output = '';
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(
    readonly name: string,
    readonly process: ChildProcess,
  ) {
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-OUTPUT_CHARS);
    };
    process.stdout?.on('data', keep);
    process.stderr?.on('data', keep);
    this.exited = new Promise((resolve) => process.once('exit', (code, signal) => resolve({ code, signal })));
  }

  /** Starts `apps/<name>` and waits until it says that it is ready. */
  static async start(name: 'gateway' | 'worker', env: Record<string, string>): Promise<Child & { url: string }> {
    const main = path.join(ROOT, 'dist/apps', name, 'src/main.js');
    const { PATH = '', HOME = '' } = process.env;
    const child = new Child(
      name,
      fork(main, [], {
        cwd: ROOT,
        env: { PATH, HOME, NODE_OPTIONS: '--enable-source-maps', ...env },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      }),
    );
    const url = await child.ready();
    return Object.assign(child, { url });
  }

  private async ready(): Promise<string> {
    const message = new Promise<string>((resolve) => {
      this.process.on('message', (sent: { type?: string; url?: string }) => {
        if (sent.type === 'ready') resolve(sent.url ?? '');
      });
    });
    const timeout = AbortSignal.timeout(START_TIMEOUT_MS);
    const failed = new Promise<never>((_, reject) => {
      timeout.addEventListener('abort', () => reject(new Error(`${this.name} was not ready in time:\n${this.log}`)));
      void this.exited.then(({ code, signal }) =>
        reject(new Error(`${this.name} ended with ${code ?? signal ?? ''}:\n${this.log}`)),
      );
    });
    failed.catch(() => undefined); // a process that ends later has been ready
    return Promise.race([message, failed]);
  }

  get log(): string {
    return this.output;
  }

  get isRunning(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.process.kill('SIGTERM');
    const timer = setTimeout(() => this.process.kill('SIGKILL'), 15_000);
    await this.exited;
    clearTimeout(timer);
  }
}

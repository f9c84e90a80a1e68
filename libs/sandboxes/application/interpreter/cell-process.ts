import { CellMessages, type CellLimits, type CellOutput } from '../../domain/cell-messages';
import { ProviderError, type ProviderHandle } from '../ports/provider';
import type { OutputEvent, ProviderProcesses } from '../ports/provider-processes';

export interface CellRequest {
  readonly id: string;
  readonly code: string;
  readonly timeoutMs: number;
}

export interface CellEnd {
  readonly output: CellOutput;
  readonly timedOut: boolean;
  /** Exit code of the interpreter, when it ended under the cell. */
  readonly exitCode: number | null;
}

/** A cell that does not heed its interruption is killed with its interpreter after this. */
const GRACE_MS = 2_000;

/** The interpreters of one sandbox, as processes of the provider. */
export class CellProcess {
  constructor(
    private readonly port: ProviderProcesses,
    private readonly handle: ProviderHandle,
    private readonly limits: CellLimits,
    private readonly signal: AbortSignal,
  ) {}

  async start(processId: string, argv: readonly string[], lifetimeMs: number): Promise<void> {
    await this.port.start(this.handle, processId, argv, { timeoutMs: lifetimeMs, keepStdinOpen: true }, this.signal);
  }

  async isAlive(processId: string): Promise<boolean> {
    try {
      return (await this.port.status(this.handle, processId, this.signal)).returncode === null;
    } catch (error) {
      if (error instanceof ProviderError && error.kind === 'not_found') return false;
      throw error;
    }
  }

  /** Ends an interpreter; one that is gone already stays gone. */
  async kill(processId: string): Promise<void> {
    if (await this.isAlive(processId)) await this.port.signal(this.handle, processId, 'SIGKILL', this.signal);
  }

  /** Gives the interpreter one cell and reads what it says of it. All that it said before is passed over. */
  async run(processId: string, { id, code, timeoutMs }: CellRequest): Promise<CellEnd> {
    const { stdoutBytes, stderrBytes } = await this.port.status(this.handle, processId, this.signal);
    const from = { stdoutOffsetBytes: stdoutBytes, stderrOffsetBytes: stderrBytes };
    const request = Buffer.from(`${JSON.stringify({ id, code })}\n`);
    await this.port.writeStdin(this.handle, processId, request, { close: false }, this.signal);
    const messages = new CellMessages(id, this.limits);
    const stop = new AbortController();
    const watch = this.interruptAfter(processId, timeoutMs, stop.signal);
    try {
      const events = this.port.follow(this.handle, processId, from, AbortSignal.any([this.signal, stop.signal]));
      const exitCode = await readTo(messages, events);
      return { output: messages.output(), timedOut: watch.timedOut(), exitCode };
    } finally {
      stop.abort();
      await watch.done;
    }
  }

  private interruptAfter(processId: string, timeoutMs: number, over: AbortSignal) {
    let timedOut = false;
    const send = async (name: 'SIGINT' | 'SIGKILL'): Promise<void> => {
      timedOut = true;
      try {
        await this.port.signal(this.handle, processId, name, this.signal);
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error; // the interpreter has just ended, or the whole call is given up
      }
    };
    const watch = async (): Promise<void> => {
      if (!(await passes(timeoutMs, over))) return;
      await send('SIGINT');
      if (await passes(GRACE_MS, over)) await send('SIGKILL');
    };
    return { timedOut: () => timedOut, done: watch() };
  }
}

/** Null when the cell is done; the interpreter's exit code when it ended instead. */
async function readTo(messages: CellMessages, events: AsyncIterable<OutputEvent>): Promise<number | null> {
  for await (const event of events) {
    if (event.kind === 'exit') return event.returncode;
    if (event.kind === 'stdout') messages.take(event.bytes);
    if (messages.isDone) return null;
  }
  throw new ProviderError('unavailable', 'the output of the interpreter broke off');
}

/** Whether the time passed before it was over. */
function passes(ms: number, over: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (over.aborted) return resolve(false);
    const end = () => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      over.removeEventListener('abort', end);
      resolve(true);
    }, ms);
    over.addEventListener('abort', end, { once: true });
  });
}

import type { ContainerProcess } from 'modal';
import { ProviderError, type ProcessExit, type ProviderProcess } from '../../application/ports/provider';
import type { CommandInput } from './command-input';
import { isExecDeadline } from './errors';

/** 128 + SIGKILL: how Modal reports a command that it killed at its timeout. */
const KILLED = 137;

export interface ProcessWatch {
  /** `performance.now()` from before the command was started. */
  readonly startedAtMs: number;
  readonly timeoutMs: number;
  /** How long after the timeout Modal may take to say that the command has ended. */
  readonly exitMarginMs: number;
  readonly signal: AbortSignal;
  readonly input: Pick<CommandInput, 'broken' | 'stop'>;
  /** Finds out why the command failed; `gone` when its sandbox has ended. */
  explain(error: unknown): Promise<ProviderError>;
  /** Whether the sandbox still runs. */
  sandboxRuns(): Promise<boolean>;
  /** Called once, when nothing of the process is used any more. */
  release(): void;
}

/** One output stream. It always ends normally; how it ended is for `exit` to say. */
class ProcessOutput implements AsyncIterable<Uint8Array> {
  readonly ended: Promise<void>;
  /** Why the stream ended before its time. */
  failure: unknown;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private markEnded: () => void = () => undefined;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.reader = stream.getReader();
    this.ended = new Promise((resolve) => (this.markEnded = resolve));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (let next = await this.reader.read(); !next.done; next = await this.reader.read()) yield next.value;
    } catch (error) {
      this.failure = error;
    } finally {
      this.cut();
    }
  }

  /** Ends the stream for its reader now. */
  cut(): void {
    // A stream that has failed already rejects with that failure, which `failure` holds.
    this.reader.cancel().catch(() => undefined);
    this.markEnded();
  }
}

/** A command that Modal runs. Its exit tells a timeout from a normal end and from the end of the sandbox. */
export class ModalProcess implements ProviderProcess {
  readonly stdout: ProcessOutput;
  readonly stderr: ProcessOutput;
  readonly exit: Promise<ProcessExit>;

  constructor(
    process: ContainerProcess<Uint8Array>,
    private readonly watch: ProcessWatch,
  ) {
    this.stdout = new ProcessOutput(process.stdout);
    this.stderr = new ProcessOutput(process.stderr);
    this.exit = this.conclude(process).finally(() => {
      watch.input.stop();
      this.stdout.cut();
      this.stderr.cut();
      watch.release();
    });
    // A caller that has given up on the command does not look at its exit.
    this.exit.catch(() => undefined);
  }

  private async conclude(process: ContainerProcess<Uint8Array>): Promise<ProcessExit> {
    const exited = process.wait().catch((error: unknown) => {
      if (isExecDeadline(error)) return KILLED;
      throw error;
    });
    const finished = Promise.all([exited, this.stdout.ended, this.stderr.ended]).then(([returncode]) => returncode);
    const returncode = await this.beforeTheEnd(finished).catch(async (error: unknown) => {
      throw await this.watch.explain(error);
    });
    if (returncode === 'overdue') return { returncode: KILLED, timedOut: true };

    const failures = [this.stdout.failure, this.stderr.failure].filter((failure) => failure !== undefined);
    const unexpected = failures.find((failure) => !isExecDeadline(failure));
    if (unexpected !== undefined) throw await this.watch.explain(unexpected);
    if (failures.length > 0 || (returncode === KILLED && this.isOverdue())) return { returncode, timedOut: true };
    if (returncode === KILLED && !(await this.watch.sandboxRuns()))
      throw new ProviderError('gone', 'the sandbox ended while the command ran');
    return { returncode, timedOut: false };
  }

  private isOverdue(): boolean {
    return performance.now() - this.watch.startedAtMs >= this.watch.timeoutMs;
  }

  /**
   * The SDK waits for an exit in polls of 60 s, whatever the timeout is, and knows no signal: `overdue` when Modal has
   * said nothing well after the timeout, a rejection when the caller's deadline has passed.
   */
  private async beforeTheEnd(finished: Promise<number>): Promise<number | 'overdue'> {
    const { signal, startedAtMs, timeoutMs, exitMarginMs } = this.watch;
    let timer: NodeJS.Timeout | undefined;
    let onAbort = (): void => undefined;
    const overdue = new Promise<'overdue'>((resolve) => {
      timer = setTimeout(() => resolve('overdue'), startedAtMs + timeoutMs + exitMarginMs - performance.now());
    });
    const aborted = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(new ProviderError('timeout', 'Modal exec: the command did not end within the deadline'));
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
    try {
      return await Promise.race([finished, overdue, aborted, this.watch.input.broken]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }
}

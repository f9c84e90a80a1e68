import type Docker from 'dockerode';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { type ExecOptions, type ProcessExit, ProviderError, type ProviderProcess } from '../../application/ports/provider';
import { environment, EXEC_ENVIRONMENT, EXEC_USER, type TimedCommand } from './container-options';
import { checkDeadline, deadlinePassed, pause, withinDeadline } from './deadline';
import { hasVanished, isNotRunning, startFailureCode, toProviderError } from './engine-errors';
import { MultiplexedStream } from './multiplexed-stream';

const KILLED = 137;
/** The timer inside ends the command; the provider answers by itself this much later, whatever became of that timer. */
const TIMEOUT_GRACE_MS = 2_000;
/** After the command has ended, a background process that holds the streams open is not waited for longer than a silence. */
const DRAIN_SILENCE_MS = 200;
const DRAIN_LIMIT_MS = 2_000;
const POLL_MS = { first: 100, most: 500, drain: 50, code: 5, codeMost: 100 } as const;
const CODE_LIMIT_MS = 5_000;
const SANDBOX_END_POLLS_MS: readonly number[] = [0, 40, 120];
/** What engines give a command that its container was no longer there for; programs give them too. */
const UNSTARTED_CODES: ReadonlySet<number> = new Set([126, 127, 255]);
/** What gVisor's runtime gives a command that ended with its sandbox. */
const LOST_WITH_SANDBOX = 128;

interface ExecState {
  readonly isRunning: boolean;
  readonly exitCode: number | null;
}

/** One command in a container, from its start to its exit code. */
class ContainerProcess {
  private readonly startedAt = performance.now();
  private lastState: ExecState | null = null;
  /** Aborts when nobody waits for the command any more, so that no timer outlives it. */
  private readonly over = new AbortController();

  constructor(
    private readonly container: Docker.Container,
    private readonly execution: Docker.Exec,
    private readonly options: ExecOptions,
    private readonly signal: AbortSignal,
  ) {}

  async start(): Promise<ProviderProcess> {
    const connection = await this.connect();
    if (this.options.stdin !== undefined) void pourInto(connection, this.options.stdin);
    const streams = new MultiplexedStream(connection);
    const stop = () => streams.finish();
    this.signal.addEventListener('abort', stop, { once: true });
    if (this.signal.aborted) stop();
    const exit = this.settleOrGone(streams).finally(() => {
      this.over.abort();
      this.signal.removeEventListener('abort', stop);
      streams.finish();
    });
    // A reader first reads both streams and then asks for the exit: a rejection until then is not an unhandled one.
    exit.catch(() => undefined);
    return { stdout: streams.stdout, stderr: streams.stderr, exit };
  }

  private async connect(): Promise<Duplex> {
    const starting = this.execution.start({ hijack: true, stdin: this.options.stdin !== undefined, abortSignal: this.signal });
    try {
      return await withinDeadline(starting, this.signal, 'exec');
    } catch (error) {
      starting.then(
        (late) => late.destroy(),
        () => undefined, // it failed with the error that is thrown here
      );
      throw error;
    }
  }

  private async settleOrGone(streams: MultiplexedStream): Promise<ProcessExit> {
    try {
      return await this.settle(streams);
    } catch (error) {
      const isUnexplained = error instanceof ProviderError && error.kind === 'internal';
      if (isUnexplained && !(await isSandboxRunning(this.container, this.signal)))
        throw sandboxEnded('the sandbox ended while the command ran', error);
      throw error;
    }
  }

  private async settle(streams: MultiplexedStream): Promise<ProcessExit> {
    const answerBy = performance.now() + this.options.timeoutMs + TIMEOUT_GRACE_MS;
    const end = await this.waitForEnd(streams, answerBy);
    checkDeadline(this.signal, 'exec');
    if (end === 'late' && (await this.state()).isRunning) return { returncode: KILLED, timedOut: true };
    const elapsedMs = performance.now() - this.startedAt;
    if (end === 'command') await this.drain(streams);
    const returncode = await this.exitCode();
    // The timer inside starts after ours: a kill that it sends is never seen before the timeout has passed here.
    if (returncode === KILLED && elapsedMs >= this.options.timeoutMs) return { returncode, timedOut: true };
    await this.refuseWhenSandboxEnded(returncode);
    return { returncode, timedOut: false };
  }

  /** Waits for the end of both streams or of the command, whichever comes first; `late` when neither came before `answerBy`. */
  private async waitForEnd(streams: MultiplexedStream, answerBy: number): Promise<'streams' | 'command' | 'late'> {
    for (let waitMs: number = POLL_MS.first; ; waitMs = Math.min(waitMs * 1.5, POLL_MS.most)) {
      await Promise.race([streams.ended, pause(Math.min(waitMs, answerBy - performance.now()), this.over.signal)]);
      if (streams.hasEnded) return 'streams';
      if (performance.now() >= answerBy) return 'late';
      if (!(await this.state()).isRunning) return 'command';
    }
  }

  /** Takes what is still on its way. The time in which the reader is the one to be waited for does not count. */
  private async drain(streams: MultiplexedStream): Promise<void> {
    let silentMs = 0;
    const answerBy = this.startedAt + this.options.timeoutMs + TIMEOUT_GRACE_MS;
    for (let drainedMs = 0; drainedMs < DRAIN_LIMIT_MS && silentMs < DRAIN_SILENCE_MS;) {
      const before = streams.receivedBytes;
      await Promise.race([streams.ended, pause(POLL_MS.drain, this.over.signal)]);
      if (streams.hasEnded) return;
      if (streams.isWaitingForReader && performance.now() < answerBy) continue;
      drainedMs += POLL_MS.drain;
      silentMs = streams.receivedBytes === before ? silentMs + POLL_MS.drain : 0;
    }
  }

  /** The streams can end before the engine has written the exit code down. */
  private async exitCode(): Promise<number> {
    const giveUpAt = performance.now() + CODE_LIMIT_MS;
    for (let waitMs: number = POLL_MS.code; ; waitMs = Math.min(waitMs * 2, POLL_MS.codeMost)) {
      const { isRunning, exitCode } = await this.state();
      if (!isRunning && exitCode !== null) return exitCode;
      if (performance.now() > giveUpAt)
        throw new ProviderError('internal', 'container engine, exec: no exit code after the end of the command');
      await pause(waitMs, this.over.signal);
    }
  }

  /** Engines forget an ended command after a while; a reader can take longer than that, so its end is remembered. */
  private async state(): Promise<ExecState> {
    if (this.lastState !== null && !this.lastState.isRunning && this.lastState.exitCode !== null) return this.lastState;
    return (this.lastState = await this.askState());
  }

  private async askState(): Promise<ExecState> {
    try {
      const { Running, ExitCode } = await withinDeadline(
        this.execution.inspect({ abortSignal: this.signal }),
        this.signal,
        'exec',
      );
      return { isRunning: Running, exitCode: ExitCode };
    } catch (error) {
      if (hasVanished(error)) throw sandboxEnded('the sandbox ended while the command ran', error);
      throw toProviderError(error, 'exec');
    }
  }

  /**
   * A command that was killed, or could not be started, because its whole sandbox ended has no exit code of its own. The
   * engine can record the end of a command a moment before the end of the sandbox.
   */
  private async refuseWhenSandboxEnded(returncode: number): Promise<void> {
    const wasKilled = returncode === KILLED || returncode === LOST_WITH_SANDBOX || returncode < 0;
    if (!wasKilled && !UNSTARTED_CODES.has(returncode)) return;
    for (const waitMs of wasKilled ? SANDBOX_END_POLLS_MS : [0]) {
      await pause(waitMs, this.over.signal);
      if (!(await isSandboxRunning(this.container, this.signal))) throw sandboxEnded('the sandbox ended while the command ran');
    }
  }
}

const sandboxEnded = (message: string, cause?: unknown): ProviderError => new ProviderError('gone', message, { cause });

export async function isSandboxRunning(container: Docker.Container, signal: AbortSignal): Promise<boolean> {
  try {
    return (await withinDeadline(container.inspect({ abortSignal: signal }), signal, 'exec')).State.Running;
  } catch (error) {
    if (hasVanished(error)) return false;
    throw toProviderError(error, 'exec');
  }
}

async function* text(value: string): AsyncGenerator<Uint8Array, void, undefined> {
  if (value !== '') yield await Promise.resolve(Buffer.from(value));
}

/** A command that the runtime could not start: an ordinary result, like the one a shell gives. */
function unstarted(returncode: 126 | 127, argv: readonly string[]): ProviderProcess {
  const reason = returncode === 127 ? 'No such file or directory' : 'Permission denied';
  return {
    stdout: text(''),
    stderr: text(`failed to run command '${argv[0] ?? ''}': ${reason}\n`),
    exit: Promise.resolve({ returncode, timedOut: false }),
  };
}

/** Ends the input also when its source fails; a command that reads no more ends the connection by itself. */
async function pourInto(connection: Duplex, content: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of content) {
      if (connection.destroyed) return;
      if (!connection.write(chunk)) await Promise.race([once(connection, 'drain'), once(connection, 'close')]);
    }
  } catch {
    // The source is the caller's; it knows of its failure.
  } finally {
    if (!connection.destroyed) connection.end();
  }
}

/** @throws ProviderError `invalid` for a command that no process can be */
export function checkCommand(argv: readonly string[], options: ExecOptions): void {
  const { workdir } = options;
  const texts = [...argv, ...environment(options.env), workdir ?? ''];
  if (argv.length === 0 || texts.some((value) => value.includes('\0'))) {
    throw new ProviderError('invalid', 'a command has at least one argument, and nothing of it has a NUL character');
  }
  if (Object.keys(options.env ?? {}).some((name) => name === '' || name.includes('=')))
    throw new ProviderError('invalid', 'the name of a variable is not empty and has no =');
  if (workdir !== undefined && !workdir.startsWith('/'))
    throw new ProviderError('invalid', 'the working directory is an absolute path');
  if (!(options.timeoutMs > 0)) throw new ProviderError('invalid', 'the timeout of a command is more than 0');
}

/**
 * Starts a command in a container by the engine's own exec, without a shell. It ends by its timeout even when it ignores
 * signals: a timer kills
 * its process group inside. A process that left the group (setsid) goes on until its sandbox ends; it is not waited for.
 * @throws ProviderError `gone` when the container has ended, `invalid` for an argument that no process can have.
 */
export async function startCommand(
  container: Docker.Container,
  argv: readonly string[],
  options: ExecOptions,
  timed: TimedCommand,
  signal: AbortSignal,
): Promise<ProviderProcess> {
  checkDeadline(signal, 'exec');
  checkCommand(argv, options);
  if (options.pty !== undefined)
    throw new ProviderError('unavailable', 'the agent of the sandbox, which holds terminals, is gone');
  try {
    const creating = container.exec({
      Cmd: timed(argv, options.timeoutMs),
      User: EXEC_USER,
      Env: [...EXEC_ENVIRONMENT, ...environment(options.env)],
      ...(options.workdir === undefined ? {} : { WorkingDir: options.workdir }),
      AttachStdin: options.stdin !== undefined,
      AttachStdout: true,
      AttachStderr: true,
      abortSignal: signal,
    });
    const execution = await withinDeadline(creating, signal, 'exec');
    return await new ContainerProcess(container, execution, options, signal).start();
  } catch (error) {
    if (signal.aborted) throw deadlinePassed('exec');
    if (hasVanished(error) || isNotRunning(error)) throw sandboxEnded('the sandbox has ended', error);
    // A sandbox that ends at this moment makes an engine fail in words of many kinds.
    const failure = toProviderError(error, 'exec');
    if (failure.kind === 'internal' && !(await isSandboxRunning(container, signal)))
      throw sandboxEnded('the sandbox has ended', error);
    const returncode = startFailureCode(error);
    if (returncode !== null) return unstarted(returncode, argv);
    throw failure;
  }
}

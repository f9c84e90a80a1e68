import { setTimeout as delay } from 'node:timers/promises';
import {
  type ExecOptions,
  type ProcessExit,
  ProviderError,
  type ProviderProcess,
  type ProcessSignal,
  type PtySize,
} from '../../../application/ports/provider';
import { deadlinePassed } from '../deadline';
import type { AgentChannel, RequestHandler } from './channel';
import { AgentProtocolError, encodeFrame, type Frame, MAX_REQUEST_BYTES, REPLY, REQUEST } from './frames';
import {
  creditPayload,
  execPayload,
  readCredit,
  readExit,
  readOutput,
  readRefusal,
  resizePayload,
  signalPayload,
} from './messages';
import { OutputWindow } from './output-window';
import { StdinPump } from './stdin-pump';

const KILLED = 137;
/** The agent ends the command at its timeout; the gateway answers by itself this much later, whatever became of the agent. */
const TIMEOUT_GRACE_MS = 2_000;
const SANDBOX_END_POLLS_MS: readonly number[] = [0, 40, 120];

export interface ProcessContext {
  /** False when the sandbox has certainly ended. */
  readonly isSandboxRunning: () => Promise<boolean>;
}

type Ending = { readonly kind: 'ended' | 'broken' | 'late' | 'aborted' } | { readonly kind: 'failed'; readonly error: unknown };

/** One command of a sandbox, run by its agent. */
class AgentProcess implements RequestHandler {
  private readonly startedAt = performance.now();
  private readonly windows: readonly [OutputWindow, OutputWindow];
  private readonly positions: [number, number] = [0, 0];
  private readonly stdin: StdinPump | null;
  private readonly request: number;
  private hasStarted = false;
  private known: ProcessExit | null = null;
  private end: (ending: Ending) => void = () => undefined;

  constructor(
    private readonly channel: AgentChannel,
    private readonly options: ExecOptions,
    private readonly context: ProcessContext,
    private readonly signal: AbortSignal,
  ) {
    this.windows = [this.window(0), this.window(1)];
    this.request = channel.register(this);
    this.stdin =
      options.stdin === undefined ? null : new StdinPump(options.stdin, (type, bytes) => channel.send(type, this.request, bytes));
  }

  start(payload: Buffer): ProviderProcess {
    const ending = this.waitForEnd();
    this.channel.send(REQUEST.exec, this.request, payload);
    this.stdin?.start((error) => this.end({ kind: 'failed', error }));
    const exit = this.settle(ending);
    // A reader first reads both streams and then asks for the exit: a rejection until then is not an unhandled one.
    exit.catch(() => undefined);
    return {
      stdout: this.windows[0].output,
      stderr: this.windows[1].output,
      exit,
      signal: (signal: ProcessSignal) => this.tell(REQUEST.signal, signalPayload(signal)),
      ...(this.options.pty === undefined ? {} : { resize: (size: PtySize) => this.tell(REQUEST.resize, resizePayload(size)) }),
    };
  }

  onFrame({ type, payload }: Frame): void {
    switch (type) {
      case REPLY.started:
        if (this.hasStarted) throw new AgentProtocolError('a command that starts twice');
        this.hasStarted = true;
        return;
      case REPLY.stdout:
      case REPLY.stderr:
        this.takeOutput(type, payload);
        return;
      case REPLY.stdinCredit:
        if (this.stdin === null) throw new AgentProtocolError('credit for no input');
        this.stdin.addCredit(readCredit(payload));
        return;
      case REPLY.exited:
        if (this.known !== null) throw new AgentProtocolError('a command that ends twice');
        this.known = this.believed(readExit(payload));
        this.stdin?.stop();
        return;
      case REPLY.end:
        if (this.known === null) throw new AgentProtocolError('an end without an exit code');
        this.end({ kind: 'ended' });
        return;
      case REPLY.refused:
        this.refused(payload);
        return;
      default:
        throw new AgentProtocolError(`a frame of type ${type} for a command`);
    }
  }

  onBroken(): void {
    this.end({ kind: 'broken' });
  }

  private window(stream: 0 | 1): OutputWindow {
    return new OutputWindow((bytes) => this.channel.send(REQUEST.credit, this.request, creditPayload(stream, bytes)));
  }

  private async tell(type: number, payload: Buffer): Promise<void> {
    this.channel.send(type, this.request, payload);
    return Promise.resolve();
  }

  private takeOutput(type: number, payload: Buffer): void {
    const { stream, offset, bytes } = readOutput(type, payload);
    if (offset !== this.positions[stream]) throw new AgentProtocolError('output out of its order');
    this.positions[stream] += bytes.length;
    this.windows[stream].take(bytes);
  }

  /** A command that its sandbox has no room for has failed, as it does when a shell cannot start it. */
  private refused(payload: Buffer): void {
    const { message } = readRefusal(payload);
    if (this.hasStarted || this.known !== null) throw new AgentProtocolError('a refusal of what runs already');
    this.windows[1].take(Buffer.from(`failed to run command: ${message}\n`));
    this.known = { returncode: 126, timedOut: false };
    this.end({ kind: 'ended' });
  }

  private believed({ returncode, timedOut }: ProcessExit): ProcessExit {
    return { returncode, timedOut: timedOut && performance.now() - this.startedAt >= this.options.timeoutMs };
  }

  private waitForEnd(): Promise<Ending> {
    return new Promise<Ending>((resolve) => {
      const late = setTimeout(() => this.end({ kind: 'late' }), this.options.timeoutMs + TIMEOUT_GRACE_MS);
      const abort = () => this.end({ kind: 'aborted' });
      this.end = (ending) => {
        clearTimeout(late);
        this.signal.removeEventListener('abort', abort);
        resolve(ending);
      };
      this.signal.addEventListener('abort', abort, { once: true });
      if (this.signal.aborted) abort();
    });
  }

  private async settle(waiting: Promise<Ending>): Promise<ProcessExit> {
    const ending = await waiting;
    this.stdin?.stop();
    if (ending.kind === 'ended') this.channel.forget(this.request);
    else this.channel.cancel(this.request);
    for (const { output } of this.windows) output.end();
    if (ending.kind === 'aborted') throw deadlinePassed('exec');
    if (ending.kind === 'failed') throw new ProviderError('internal', 'the standard input failed', { cause: ending.error });
    if (ending.kind === 'broken') throw await this.brokenOff();
    if (ending.kind === 'late') return this.answerLate();
    return this.refuseWhenSandboxEnded(this.known ?? { returncode: KILLED, timedOut: false });
  }

  /** The reader is slow, or the agent is silent: then nothing more is asked of it. */
  private answerLate(): ProcessExit {
    if (this.known !== null) return this.known;
    this.channel.close(new AgentProtocolError('a command that does not end'));
    if (!this.hasStarted)
      throw new ProviderError('internal', 'the agent of the sandbox did not answer; the command may have run');
    return { returncode: KILLED, timedOut: true };
  }

  private async brokenOff(): Promise<ProviderError> {
    for (const waitMs of SANDBOX_END_POLLS_MS) {
      await delay(waitMs);
      if (!(await this.context.isSandboxRunning())) return new ProviderError('gone', 'the sandbox ended while the command ran');
    }
    return new ProviderError('internal', 'the connection to the sandbox broke while the command ran; it may go on');
  }

  /** A command that was killed because its whole sandbox ended has no exit code of its own. */
  private async refuseWhenSandboxEnded(exit: ProcessExit): Promise<ProcessExit> {
    if (exit.returncode !== KILLED || exit.timedOut) return exit;
    for (const waitMs of SANDBOX_END_POLLS_MS) {
      await delay(waitMs);
      if (!(await this.context.isSandboxRunning())) throw new ProviderError('gone', 'the sandbox ended while the command ran');
    }
    return exit;
  }
}

/**
 * Starts a command over the channel. Its arguments have been checked.
 * @throws ProviderError `invalid` when it is longer than what the agent takes, ChannelBrokenError when nothing was sent
 */
export function startThroughAgent(
  channel: AgentChannel,
  argv: readonly string[],
  options: ExecOptions,
  context: ProcessContext,
  signal: AbortSignal,
): ProviderProcess {
  const payload = execPayload({
    name: '',
    argv,
    timeoutMs: options.timeoutMs,
    env: options.env ?? {},
    workdir: options.workdir ?? '',
    withStdin: options.stdin !== undefined,
    pty: options.pty ?? null,
  });
  if (encodeFrame(REQUEST.exec, 0, payload).length > MAX_REQUEST_BYTES)
    throw new ProviderError('invalid', 'the command with its variables is too long');
  return new AgentProcess(channel, options, context, signal).start(payload);
}

import type { OutputEvent, OutputPosition } from '../../../application/ports/provider-processes';
import { PieceQueue } from '../piece-queue';
import { type AgentChannel, AgentRefusal, ChannelBrokenError, type RequestHandler } from './channel';
import { AgentProtocolError, type Frame, OUTPUT_WINDOW_BYTES, REPLY, REQUEST } from './frames';
import { creditPayload, followPayload, readExit, readOutput, readRefusal } from './messages';

const GRANT_BYTES = OUTPUT_WINDOW_BYTES / 4;
const STREAMS = ['stdout', 'stderr'] as const;

/** The agent leaves out only what it no longer keeps, which cannot be often within a window. */
const MAX_PIECES = 256;

interface Window {
  /** Position of the next byte; what the agent no longer keeps is skipped. */
  next: number;
  onItsWay: number;
  readonly pieces: PieceQueue;
}

/** What comes of one process, held until it is read: never more than a window of each stream. */
class Follower implements RequestHandler {
  isOver = false;
  failure: Error | null = null;
  wake: () => void = () => undefined;
  private hasGivenExit = false;
  private readonly windows: readonly [Window, Window];
  private exit: OutputEvent | null = null;

  constructor({ stdoutOffsetBytes, stderrOffsetBytes }: OutputPosition) {
    const window = (next: number): Window => ({ next, onItsWay: OUTPUT_WINDOW_BYTES, pieces: new PieceQueue() });
    this.windows = [window(stdoutOffsetBytes), window(stderrOffsetBytes)];
  }

  onFrame({ type, payload }: Frame): void {
    switch (type) {
      case REPLY.started:
        return;
      case REPLY.stdout:
      case REPLY.stderr:
        this.takeOutput(type, payload);
        break;
      case REPLY.exited:
        if (this.exit !== null) throw new AgentProtocolError('a process that ends twice');
        this.exit = { kind: 'exit', ...readExit(payload) };
        break;
      case REPLY.end:
        this.isOver = true;
        break;
      case REPLY.refused: {
        const { reason, message } = readRefusal(payload);
        this.fail(new AgentRefusal(reason, message));
        break;
      }
      default:
        throw new AgentProtocolError(`a frame of type ${type} for a reader`);
    }
    this.wake();
  }

  onBroken(): void {
    this.fail(new ChannelBrokenError());
    this.wake();
  }

  /** What is there, the exit last. */
  next(): OutputEvent | undefined {
    for (const stream of [0, 1] as const) {
      const piece = this.windows[stream].pieces.shift();
      if (piece !== undefined) return { kind: STREAMS[stream], offsetBytes: piece.offset, bytes: piece.bytes };
    }
    const { exit } = this;
    if (exit === null || this.hasGivenExit) return undefined;
    this.hasGivenExit = true;
    return exit;
  }

  /** How much more of a stream may be sent, in pieces worth a message. */
  credit(stream: 0 | 1): number {
    const window = this.windows[stream];
    const bytes = OUTPUT_WINDOW_BYTES - window.pieces.unreadBytes - window.onItsWay;
    if (bytes < GRANT_BYTES) return 0;
    window.onItsWay += bytes;
    return bytes;
  }

  private fail(failure: Error): void {
    this.failure = failure;
    this.isOver = true;
  }

  private takeOutput(type: number, payload: Buffer): void {
    const { stream, offset, bytes } = readOutput(type, payload);
    const window = this.windows[stream];
    if (offset < window.next || this.exit !== null) throw new AgentProtocolError('output out of its order');
    window.next = offset + bytes.length;
    window.onItsWay -= bytes.length;
    if (window.onItsWay < 0) throw new AgentProtocolError('more output than was asked for');
    window.pieces.push(offset, bytes);
    if (window.pieces.length > MAX_PIECES) throw new AgentProtocolError('output with too many gaps');
  }
}

/** The output of a background process from a position on, up to its exit; ends early when the signal is aborted. */
export async function* followOutput(
  channel: AgentChannel,
  name: string,
  from: OutputPosition,
  signal: AbortSignal,
): AsyncGenerator<OutputEvent, void, undefined> {
  const follower = new Follower(from);
  const request = channel.register(follower);
  const stop = () => follower.wake();
  signal.addEventListener('abort', stop, { once: true });
  channel.send(REQUEST.follow, request, followPayload(name, from.stdoutOffsetBytes, from.stderrOffsetBytes));
  try {
    for (;;) {
      const event = signal.aborted ? undefined : follower.next();
      if (event !== undefined) {
        yield event;
        for (const stream of [0, 1] as const) {
          const bytes = follower.credit(stream);
          if (bytes > 0) channel.send(REQUEST.credit, request, creditPayload(stream, bytes));
        }
      } else if (follower.failure !== null) {
        throw follower.failure;
      } else if (follower.isOver || signal.aborted) {
        return;
      } else {
        await new Promise<void>((resolve) => (follower.wake = resolve));
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
    if (follower.isOver) channel.forget(request);
    else channel.cancel(request);
  }
}

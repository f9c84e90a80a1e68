import type { Duplex } from 'node:stream';
import { MultiplexedStream } from '../multiplexed-stream';
import { AGENT_VERSION, AgentProtocolError, encodeFrame, type Frame, FrameDecoder, REPLY, REQUEST } from './frames';
import { readRefusal, readVersion, type RefusalReason } from './messages';

/** The part of a channel that one request is told by. What it throws ends the channel. */
export interface RequestHandler {
  onFrame(frame: Frame): void;
  /** The channel has ended before the request had. */
  onBroken(): void;
}

/** The agent answered that it does not do what it was asked for. */
export class AgentRefusal extends Error {
  override readonly name = 'AgentRefusal';
  constructor(
    readonly reason: RefusalReason,
    message: string,
  ) {
    super(message);
  }
}

export class ChannelBrokenError extends Error {
  override readonly name = 'ChannelBrokenError';
  constructor() {
    super('the connection to the agent of the sandbox has ended');
  }
}

/** What attach says on its stderr is thrown away; more than this is not what attach says. */
const MAX_NOISE_BYTES = 16 * 1024;
const MAX_REQUESTS = 1_024;

/**
 * One connection to the agent of a sandbox, which carries many requests at once. The agent is code in a stranger's
 * sandbox: it may say nothing that was not asked for, and whatever it says wrongly ends the channel.
 */
export class AgentChannel {
  /** Resolves when the agent has greeted; rejects when the channel ends before. */
  readonly ready: Promise<void>;
  /** Resolves when the channel has ended, with what was wrong or null. */
  readonly ended: Promise<Error | null>;
  private readonly handlers = new Map<number, RequestHandler>();
  private readonly streams: MultiplexedStream;
  private markReady: () => void = () => undefined;
  private failReady: (error: Error) => void = () => undefined;
  private markEnded: (reason: Error | null) => void = () => undefined;
  private hasGreeted = false;
  private isOver = false;
  private lastRequest = 0;
  private heardAt = performance.now();

  constructor(private readonly connection: Duplex) {
    this.ready = new Promise((resolve, reject) => {
      this.markReady = resolve;
      this.failReady = reject;
    });
    this.ready.catch(() => undefined); // whoever waits for it hears of it
    this.ended = new Promise((resolve) => (this.markEnded = resolve));
    this.streams = new MultiplexedStream(connection);
    void this.read();
    void this.discardNoise();
  }

  get isOpen(): boolean {
    return !this.isOver;
  }

  /** Requests that have not ended. */
  get activeRequests(): number {
    return this.handlers.size;
  }

  get silentMs(): number {
    return performance.now() - this.heardAt;
  }

  /** Gives a request its number; the caller sends its frames with `send` and says `forget` at its end. */
  register(handler: RequestHandler): number {
    if (this.isOver || this.handlers.size >= MAX_REQUESTS) throw new ChannelBrokenError();
    do this.lastRequest = (this.lastRequest + 1) >>> 0;
    while (this.lastRequest === 0 || this.handlers.has(this.lastRequest));
    this.handlers.set(this.lastRequest, handler);
    return this.lastRequest;
  }

  send(type: number, request: number, payload?: Uint8Array): void {
    if (!this.isOver) this.connection.write(encodeFrame(type, request, payload));
  }

  forget(request: number): void {
    this.handlers.delete(request);
  }

  /** The caller no longer wants the request; what is still on its way is thrown away until the agent confirms. */
  cancel(request: number): void {
    if (!this.handlers.has(request)) return;
    this.handlers.set(request, {
      onFrame: ({ type }) => {
        if (type === REPLY.done) this.forget(request);
      },
      onBroken: () => undefined,
    });
    this.send(REQUEST.cancel, request);
  }

  /** A request with one answer. @throws AgentRefusal, ChannelBrokenError */
  ask(type: number, payload?: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const request = this.register({
        onFrame: (frame) => {
          if (frame.type === REPLY.refused) {
            const { reason, message } = readRefusal(frame.payload);
            reject(new AgentRefusal(reason, message));
          } else if (frame.type === (type === REQUEST.ping ? REPLY.pong : REPLY.done)) {
            resolve(Buffer.from(frame.payload));
          } else {
            throw new AgentProtocolError(`a frame of type ${frame.type} as an answer`);
          }
          this.forget(request);
        },
        onBroken: () => reject(new ChannelBrokenError()),
      });
      this.send(type, request, payload);
    });
  }

  /** Ends the channel and with it every request. May be called again. */
  close(reason: Error | null = null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.streams.finish();
    this.failReady(reason ?? new ChannelBrokenError());
    const handlers = [...this.handlers.values()];
    this.handlers.clear();
    for (const handler of handlers) handler.onBroken();
    this.markEnded(reason);
  }

  private async read(): Promise<void> {
    const decoder = new FrameDecoder();
    try {
      for await (const chunk of this.streams.stdout) {
        this.heardAt = performance.now();
        for (const frame of decoder.push(chunk)) this.accept(frame);
        if (this.isOver) return;
      }
      this.close();
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private accept(frame: Frame): void {
    if (frame.request === 0) {
      this.greet(frame);
      return;
    }
    const handler = this.handlers.get(frame.request);
    if (handler === undefined || !this.hasGreeted) throw new AgentProtocolError('an answer that nobody asked for');
    handler.onFrame(frame);
  }

  private greet({ type, payload }: Frame): void {
    if (type !== REPLY.hello || this.hasGreeted) throw new AgentProtocolError(`a frame of type ${type} for no request`);
    if (readVersion(payload) !== AGENT_VERSION) throw new AgentProtocolError('another version');
    this.hasGreeted = true;
    this.markReady();
  }

  private async discardNoise(): Promise<void> {
    let bytes = 0;
    for await (const chunk of this.streams.stderr) {
      bytes += chunk.length;
      if (bytes > MAX_NOISE_BYTES) this.close(new AgentProtocolError('noise beside the connection'));
    }
  }
}

import type { Duplex } from 'node:stream';
import { PieceQueue } from './piece-queue';

/** Above this much unread output of one stream the connection is paused; the program inside then waits in its write. */
export const HIGH_WATER_BYTES = 256 * 1024;
const LOW_WATER_BYTES = 64 * 1024;
const HEADER_BYTES = 8;

/** One stream of a process. It has one reader; a reader that stops early leaves the rest to be thrown away. */
export class OutputChannel implements AsyncIterable<Uint8Array> {
  private readonly pieces = new PieceQueue();
  private pushed = 0;
  private isEnded = false;
  private isAbandoned = false;
  private wake: (() => void) | undefined;

  constructor(private readonly onDrained: () => void) {}

  get unreadBytes(): number {
    return this.pieces.unreadBytes;
  }

  push(chunk: Uint8Array): void {
    if (this.isEnded || this.isAbandoned || chunk.length === 0) return;
    this.pieces.push(this.pushed, chunk);
    this.pushed += chunk.length;
    this.wake?.();
  }

  /** What was pushed before is still read. */
  end(): void {
    this.isEnded = true;
    this.wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        const piece = this.pieces.shift();
        if (piece !== undefined) {
          if (this.unreadBytes <= LOW_WATER_BYTES) this.onDrained();
          yield piece.bytes;
        } else if (this.isEnded) {
          return;
        } else {
          await new Promise<void>((resolve) => (this.wake = resolve));
          this.wake = undefined;
        }
      }
    } finally {
      this.isAbandoned = true;
      this.pieces.clear();
      this.onDrained();
    }
  }
}

/**
 * Parts the engine's multiplexed stream (frames of an 8-byte header and a payload) into stdout and stderr as it comes,
 * holding at most a bounded amount of either.
 */
export class MultiplexedStream {
  readonly stdout = new OutputChannel(() => this.resumeWhenDrained());
  readonly stderr = new OutputChannel(() => this.resumeWhenDrained());
  /** Resolves when nothing more will come: the engine ended the stream, it broke, or `finish` was called. */
  readonly ended: Promise<void>;
  private markEnded: () => void = () => undefined;
  private isEnded = false;
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private headerFilled = 0;
  private payloadLeft = 0;
  private target: OutputChannel = this.stdout;
  private received = 0;
  private isPaused = false;

  constructor(private readonly connection: Duplex) {
    this.ended = new Promise((resolve) => (this.markEnded = resolve));
    connection.on('data', (data: Buffer) => this.accept(data));
    connection.on('end', () => this.finish());
    connection.on('close', () => this.finish());
    // A broken connection is the end of the output; the exit code that is asked for next tells what became of the process.
    connection.on('error', () => this.finish());
  }

  /** Bytes taken from the connection so far. */
  get receivedBytes(): number {
    return this.received;
  }

  get hasEnded(): boolean {
    return this.isEnded;
  }

  /** The reader is slower than the process. */
  get isWaitingForReader(): boolean {
    return this.isPaused;
  }

  /** Ends both streams after what they hold, and gives the connection back. May be called again. */
  finish(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.connection.destroy();
    this.stdout.end();
    this.stderr.end();
    this.markEnded();
  }

  private accept(data: Buffer): void {
    this.received += data.length;
    let offset = 0;
    while (offset < data.length && !this.isEnded) {
      offset = this.payloadLeft > 0 ? this.takePayload(data, offset) : this.takeHeader(data, offset);
    }
    if (this.mostUnread() > HIGH_WATER_BYTES && !this.isEnded) {
      this.isPaused = true;
      this.connection.pause();
    }
  }

  private takePayload(data: Buffer, offset: number): number {
    const end = Math.min(data.length, offset + this.payloadLeft);
    this.target.push(data.subarray(offset, end));
    this.payloadLeft -= end - offset;
    return end;
  }

  private takeHeader(data: Buffer, offset: number): number {
    const end = Math.min(data.length, offset + HEADER_BYTES - this.headerFilled);
    data.copy(this.header, this.headerFilled, offset, end);
    this.headerFilled += end - offset;
    if (this.headerFilled === HEADER_BYTES) {
      this.headerFilled = 0;
      this.target = this.header.readUInt8(0) === 2 ? this.stderr : this.stdout;
      this.payloadLeft = this.header.readUInt32BE(4);
    }
    return end;
  }

  private mostUnread(): number {
    return Math.max(this.stdout.unreadBytes, this.stderr.unreadBytes);
  }

  private resumeWhenDrained(): void {
    if (!this.isPaused || this.mostUnread() > LOW_WATER_BYTES) return;
    this.isPaused = false;
    this.connection.resume();
  }
}

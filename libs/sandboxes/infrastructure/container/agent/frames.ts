/**
 * Frames between the gateway and a sandbox's agent, in both directions: u32 length of what follows, u8 type, u32 request
 * id, payload; numbers are little-endian. agent/protocol.h is the other side.
 */
export const AGENT_VERSION = 1;
export const MAX_DATA_BYTES = 64 * 1024;
/** Output of one stream that may be on its way before the reader asks for more. */
export const OUTPUT_WINDOW_BYTES = 256 * 1024;
export const STDIN_WINDOW_BYTES = 64 * 1024;

/** Requests as long as this are sent; longer ones are refused before. */
export const MAX_REQUEST_BYTES = 2 * 1024 * 1024;
const HEAD_BYTES = 9;
const AFTER_LENGTH_BYTES = HEAD_BYTES - 4;
/** The offset of an output frame stands before its bytes. */
const MAX_REPLY_BYTES = AFTER_LENGTH_BYTES + 8 + MAX_DATA_BYTES;

export const REQUEST = {
  exec: 2,
  stdin: 3,
  stdinEnd: 4,
  credit: 5,
  signal: 6,
  resize: 7,
  cancel: 8,
  ping: 9,
  start: 10,
  status: 11,
  follow: 12,
  write: 13,
} as const;

export const REPLY = {
  hello: 64,
  pong: 65,
  started: 66,
  stdout: 67,
  stderr: 68,
  stdinCredit: 69,
  exited: 70,
  end: 71,
  done: 72,
  refused: 73,
} as const;
const REPLY_TYPES: ReadonlySet<number> = new Set(Object.values(REPLY));

/** The agent said what no agent of ours says. It is code in the sandbox of a stranger: nothing more of it is believed. */
export class AgentProtocolError extends Error {
  override readonly name = 'AgentProtocolError';
}

export interface Frame {
  readonly type: number;
  readonly request: number;
  readonly payload: Buffer;
}

export function encodeFrame(type: number, request: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  frame.writeUInt32LE(AFTER_LENGTH_BYTES + payload.length, 0);
  frame.writeUInt8(type, 4);
  frame.writeUInt32LE(request, 5);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

/** Cuts a stream into frames, and holds no more of it than one frame. */
export class FrameDecoder {
  private held: Buffer = Buffer.alloc(0);

  /** @throws AgentProtocolError for a frame that is too long, too short or of no known type. */
  *push(chunk: Uint8Array): Generator<Frame, void, undefined> {
    const arrived = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let data = this.held.length === 0 ? arrived : Buffer.concat([this.held, arrived]);
    this.held = Buffer.alloc(0);
    while (data.length >= HEAD_BYTES) {
      const length = data.readUInt32LE(0);
      const type = data.readUInt8(4);
      if (length < AFTER_LENGTH_BYTES || length > MAX_REPLY_BYTES) throw new AgentProtocolError(`a frame of ${length} bytes`);
      if (!REPLY_TYPES.has(type)) throw new AgentProtocolError(`a frame of type ${type}`);
      if (data.length < 4 + length) break;
      yield { type, request: data.readUInt32LE(5), payload: data.subarray(HEAD_BYTES, 4 + length) };
      data = data.subarray(4 + length);
    }
    // A copy: what is left of a chunk must not keep all of it in memory.
    if (data.length > 0) this.held = Buffer.from(data);
  }
}

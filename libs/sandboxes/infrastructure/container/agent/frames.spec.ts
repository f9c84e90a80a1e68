import { randomBytes } from 'node:crypto';
import { AgentProtocolError, encodeFrame, FrameDecoder, type Frame, MAX_DATA_BYTES, REPLY } from './frames';

const decode = (decoder: FrameDecoder, ...chunks: Uint8Array[]): Frame[] => chunks.flatMap((chunk) => [...decoder.push(chunk)]);

describe('frames', () => {
  const frames = [
    { type: REPLY.hello, request: 0, payload: Buffer.from([1, 0, 0, 0]) },
    { type: REPLY.end, request: 0xffffffff, payload: Buffer.alloc(0) },
    { type: REPLY.stdout, request: 7, payload: randomBytes(8 + MAX_DATA_BYTES) },
  ];
  const stream = Buffer.concat(frames.map(({ type, request, payload }) => encodeFrame(type, request, payload)));

  it.each([1, 2, 3, 8, 9, 10, 1_000, stream.length])('come out as they went in, in pieces of %i bytes', (size) => {
    const decoder = new FrameDecoder();
    const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, index) =>
      stream.subarray(index * size, (index + 1) * size),
    );
    expect(decode(decoder, ...chunks)).toEqual(frames);
  });

  it('are not taken when their length is too short or too long, before their payload is waited for', () => {
    for (const length of [0, 4, 6 + 8 + MAX_DATA_BYTES, 0x7fffffff, 0xffffffff]) {
      const head = Buffer.alloc(9);
      head.writeUInt32LE(length);
      head.writeUInt8(REPLY.stdout, 4);
      expect(() => decode(new FrameDecoder(), head)).toThrow(AgentProtocolError);
    }
  });

  it('are not taken when nobody knows their type', () => {
    for (const type of [0, 1, 2, 63, 74, 255])
      expect(() => decode(new FrameDecoder(), encodeFrame(type, 1))).toThrow(AgentProtocolError);
  });

  it('of random bytes end in an error or in nothing, and hold no more than one frame', () => {
    for (let round = 0; round < 200; round++) {
      const decoder = new FrameDecoder();
      try {
        for (let piece = 0; piece < 20; piece++) decode(decoder, randomBytes(5_000));
        throw new Error('100,000 random bytes were frames');
      } catch (error) {
        expect(error).toBeInstanceOf(AgentProtocolError);
      }
    }
  });
});

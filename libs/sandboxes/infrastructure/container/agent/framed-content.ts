const PIECE_BYTES = 64 * 1024;

/**
 * Content on its way to the agent: pieces with their length before them, and one of no length after the last. When the
 * source fails there is no such end, and the agent leaves everything as it was.
 */
export class FramedContent implements AsyncIterable<Uint8Array> {
  sizeBytes = 0;
  hasFailed = false;
  failure: unknown = null;

  constructor(private readonly source: AsyncIterable<Uint8Array>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const chunk of this.source) {
        for (let offset = 0; offset < chunk.length; offset += PIECE_BYTES) {
          const piece = chunk.subarray(offset, offset + PIECE_BYTES);
          this.sizeBytes += piece.length;
          yield Buffer.concat([lengthOf(piece), piece]);
        }
      }
    } catch (error) {
      this.hasFailed = true;
      this.failure = error;
      return;
    }
    yield Buffer.alloc(4);
  }
}

function lengthOf(piece: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(piece.length);
  return head;
}

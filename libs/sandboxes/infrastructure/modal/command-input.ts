import { ProviderError } from '../../application/ports/provider';
import type { ModalLogger } from './settings';

/** The SDK sends each chunk in a call of its own, so small pieces travel together. */
const CHUNK_BYTES = 1 << 20;

/**
 * The standard input of a command, which is closed after its bytes: without the end of input a command that reads it would
 * wait until its timeout. A command that does not read its input to the end is no failure; a source that breaks off is.
 */
export class CommandInput {
  /** Rejects when the source of the bytes fails; never resolves. */
  readonly broken: Promise<never>;
  private readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  private stopped = false;
  private breakOff: (error: ProviderError) => void = () => undefined;

  constructor(
    stdin: WritableStream<Uint8Array>,
    source: AsyncIterable<Uint8Array> | undefined,
    logger: Pick<ModalLogger, 'debug'>,
    providerRef: string,
  ) {
    this.broken = new Promise((_resolve, reject) => (this.breakOff = reject));
    this.broken.catch(() => undefined);
    this.writer = stdin.getWriter();
    // The writer repeats the failure of its last write here.
    this.writer.closed.catch(() => undefined);
    this.send(source).catch((error: unknown) => {
      logger.debug({ providerRef, error: String(error) }, 'Modal did not take all input of a command');
    });
  }

  /** The command has ended: nothing more is read from the source. */
  stop(): void {
    this.stopped = true;
  }

  private async send(source: AsyncIterable<Uint8Array> | undefined): Promise<void> {
    if (source !== undefined) {
      const chunks = this.inLargeChunks(source);
      for await (const chunk of chunks) {
        if (this.stopped) break;
        await this.writer.write(chunk);
      }
    }
    if (!this.stopped) await this.writer.close();
  }

  private async *inLargeChunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let pieces: Uint8Array[] = [];
    let sizeBytes = 0;
    try {
      for await (const piece of source) {
        if (this.stopped) return;
        pieces.push(piece);
        sizeBytes += piece.length;
        if (sizeBytes < CHUNK_BYTES) continue;
        yield Buffer.concat(pieces);
        pieces = [];
        sizeBytes = 0;
      }
    } catch (error) {
      // Without its end the command never takes a part for the whole; its timeout ends it.
      this.stopped = true;
      this.breakOff(new ProviderError('invalid', 'the input of the command broke off', { cause: error }));
      return;
    }
    if (sizeBytes > 0) yield Buffer.concat(pieces);
  }
}

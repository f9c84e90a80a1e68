import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { TollboxError } from '../errors/tollbox-error';
import type { UploadTerms } from '../operations/operation';

const DIGEST = /^sha-256=:([A-Za-z0-9+/]{43}=):$/;
const LENGTH = /^[0-9]{1,15}$/;

type Announcement = Pick<FastifyRequest, 'headers' | 'raw' | 'askForBody'>;

/**
 * A request body that is streamed to its handler. Its sender says the SHA-256 before any byte is read, and so it can be
 * paid for; what is read to its end has that digest, or reading it fails.
 */
export class UploadedContent {
  private failure: TollboxError | null = null;
  private state: 'new' | 'reading' | 'verified' = 'new';

  private constructor(
    private readonly raw: IncomingMessage,
    /** Lower-case hex. */
    readonly announcedSha256: string,
    private readonly maxBytes: number,
    private readonly askForBody: () => void,
  ) {}

  /** @throws TollboxError when the headers do not announce a body that would be taken */
  static announcedBy(
    { headers, raw, askForBody = () => undefined }: Announcement,
    { mediaTypes, maxBytes }: UploadTerms,
  ): UploadedContent {
    const mediaType = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
    if (!mediaTypes.includes(mediaType))
      throw new TollboxError('unsupported_media_type', {
        message: 'The request body does not have the media type of this route.',
        suggestion: `Send \`Content-Type: ${mediaTypes.join('` or `')}\`.`,
      });
    const [digest, ...others] = [headers['content-digest'] ?? []].flat();
    const base64 = others.length === 0 ? DIGEST.exec(digest?.trim() ?? '')?.[1] : undefined;
    if (base64 === undefined) throw new TollboxError('content_digest_required');
    const length = headers['content-length'];
    if (length !== undefined && (!LENGTH.test(length) || Number(length) > maxBytes)) throw tooLarge(maxBytes);
    return new UploadedContent(raw, Buffer.from(base64, 'base64').toString('hex'), maxBytes, askForBody);
  }

  /**
   * Lets `work` read the content. Whatever it makes of a failed read, the failure itself is what is thrown; and work that
   * did not read to the end is an error, because nobody knows then what it was paid for.
   */
  async during<Result>(
    deadlineMs: number,
    work: (content: AsyncIterable<Uint8Array>) => Promise<Result> | Result,
  ): Promise<Result> {
    let result: Result;
    try {
      result = await work({ [Symbol.asyncIterator]: () => this.read(deadlineMs) });
    } catch (error) {
      throw this.failure ?? error;
    } finally {
      // What is left of the body is taken off the wire, for the answer to get through; the server's own timeout bounds it.
      setImmediate(() => this.raw.resume());
    }
    if (this.failure !== null) throw this.failure;
    if (this.state !== 'verified') throw new Error('the work ended without reading its content to the end');
    return result;
  }

  private async *read(deadlineMs: number): AsyncGenerator<Uint8Array> {
    if (this.state !== 'new') throw new Error('uploaded content can be read once');
    this.state = 'reading';
    this.askForBody();
    const hash = createHash('sha256');
    let sizeBytes = 0;
    try {
      for await (const chunk of this.chunks(deadlineMs)) {
        sizeBytes += chunk.length;
        if (sizeBytes > this.maxBytes) throw tooLarge(this.maxBytes);
        hash.update(chunk);
        yield chunk;
      }
      if (hash.digest('hex') !== this.announcedSha256) throw new TollboxError('content_digest_mismatch');
      this.state = 'verified';
    } catch (error) {
      this.failure = error instanceof TollboxError ? error : new TollboxError('body_incomplete', { cause: error });
      throw this.failure;
    }
  }

  /** The chunks as they arrive. The connection stays open for the answer, whatever becomes of reading. */
  private async *chunks(deadlineMs: number): AsyncGenerator<Uint8Array> {
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new TollboxError('body_incomplete')), deadlineMs);
    });
    expired.catch(() => undefined);
    const chunks = this.raw.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Uint8Array>;
    try {
      for (;;) {
        const next = await Promise.race([chunks.next(), expired]);
        if (next.done === true) break;
        yield next.value;
      }
      if (!this.raw.complete) throw new TollboxError('body_incomplete');
    } finally {
      clearTimeout(timer);
      // Not awaited: a read that waits for a client which sends nothing would hold this up.
      void chunks.return?.();
    }
  }
}

const tooLarge = (maxBytes: number): TollboxError =>
  new TollboxError('body_too_large', {
    message: `The request body is larger than the ${maxBytes} bytes that this route accepts.`,
  });

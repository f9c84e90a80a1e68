import type { FastifyInstance, FastifyRequest } from 'fastify';
import './fastify-request';
import { parseJsonBody } from './json-body';

/** Reads the body of a request and sets `rawBody` and `body`, as the server's own parser does. */
export type ReadPlainJson = (request: FastifyRequest, done: (error: Error | null) => void) => void;

declare module 'fastify' {
  interface FastifyInstance {
    /** For routes that are answered before the server reads bodies by itself. */
    readonly readPlainJson: ReadPlainJson;
  }
}

const LENGTH = /^[0-9]{1,10}$/;

/**
 * Whether the body is the ordinary one: JSON that says so in the ordinary words, of a known length within the limit.
 * Everything else is left to the server's own parser, which has an answer for each of its oddities.
 */
export function isPlainJson({ headers }: FastifyRequest, limit: number): boolean {
  const length = headers['content-length'];
  return (
    headers['content-type'] === 'application/json' &&
    length !== undefined &&
    headers['transfer-encoding'] === undefined &&
    headers.expect === undefined &&
    LENGTH.test(length) &&
    Number(length) <= limit
  );
}

/** A body that ends early ends its connection, and nobody waits for its answer. */
export function createReadPlainJson(parse: (request: FastifyRequest, text: string) => unknown): ReadPlainJson {
  return (request, done) => {
    const chunks: Buffer[] = [];
    const { raw } = request;
    raw.on('data', (chunk: Buffer) => chunks.push(chunk));
    raw.on('error', done);
    raw.on('end', () => {
      const [first = Buffer.alloc(0)] = chunks;
      const body = chunks.length <= 1 ? first : Buffer.concat(chunks);
      try {
        request.rawBody = body;
        request.body = parseJsonBody(body, (text) => parse(request, text));
      } catch (error) {
        done(error as Error);
        return;
      }
      done(null);
    });
  };
}

/** Gives the server a reader of plain bodies that parses as its own parser does. */
export function addPlainJson(instance: FastifyInstance, parse: (request: FastifyRequest, text: string) => unknown): void {
  instance.decorate('readPlainJson', createReadPlainJson(parse));
}

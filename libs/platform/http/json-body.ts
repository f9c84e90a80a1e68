import { isUtf8 } from 'node:buffer';
import { TollboxError, type IssueDetail } from '../errors/tollbox-error';

/** Deepest nesting of arrays and objects in a request body. No schema needs more than a few levels. */
export const MAX_JSON_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Deepest nesting of brackets outside of texts. Never recurses, so that a body of brackets cannot exhaust the stack. */
export function nestingDepth(json: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let inText = false;
  for (let index = 0; index < json.length; index++) {
    const byte = json[index];
    if (inText) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      if (++depth > deepest) deepest = depth;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) depth--;
  }
  return deepest;
}

/** The 400 of a body that is no JSON at all: one issue at the root, in the shape of a schema issue. */
export function invalidBody(message: string, cause?: unknown): TollboxError {
  const details: IssueDetail[] = [{ code: 'custom', path: [], message }];
  return new TollboxError('invalid_body', { message, details, cause });
}

/**
 * Parses the exact bytes of a body. No bytes are `{}`.
 * @param parse rejects keys that would reach a prototype (`__proto__`, `constructor.prototype`).
 * @throws TollboxError `invalid_body`
 */
export function parseJsonBody(body: Buffer, parse: (text: string) => unknown): unknown {
  if (body.length === 0) return {};
  if (!isUtf8(body)) throw invalidBody('The request body is not UTF-8');
  if (nestingDepth(body) > MAX_JSON_DEPTH) throw invalidBody(`The request body is nested deeper than ${MAX_JSON_DEPTH} levels`);
  try {
    return parse(body.toString('utf8'));
  } catch (error) {
    throw invalidBody('The request body is not valid JSON', error);
  }
}

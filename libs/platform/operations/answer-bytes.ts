import { TollboxError } from '../errors/tollbox-error';

/** An answer that is no JSON: these bytes, under this media type. */
export class AnswerBytes {
  constructor(
    readonly mediaType: string,
    readonly bytes: Uint8Array,
  ) {}
}

/**
 * An answer as it may be kept for its replays.
 * @throws TollboxError `answer_too_large`; nothing is charged then
 */
export function boundedAnswer(answer: unknown, maxBytes: number): unknown {
  if (answer instanceof AnswerBytes && answer.bytes.length > maxBytes)
    throw new TollboxError('answer_too_large', { details: `${answer.bytes.length} bytes, of at most ${maxBytes}` });
  return answer;
}

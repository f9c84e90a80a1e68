import { TollboxError } from '../errors/tollbox-error';
import { MAX_JSON_DEPTH, nestingDepth, parseJsonBody } from './json-body';

const parse = (body: string | Buffer): unknown => parseJsonBody(Buffer.from(body), (text) => JSON.parse(text) as unknown);

function refusal(body: string | Buffer): unknown {
  try {
    parse(body);
  } catch (error) {
    return error instanceof TollboxError ? error.details : error;
  }
  return 'accepted';
}

describe('a JSON body', () => {
  it('is an empty object when there are no bytes', () => {
    expect(parse('')).toEqual({});
  });

  it('is parsed from its exact bytes', () => {
    expect(parse('{"a":[1,"ü"]}')).toEqual({ a: [1, 'ü'] });
  });

  it.each([
    ['{', 'The request body is not valid JSON'],
    ['undefined', 'The request body is not valid JSON'],
    [Buffer.from([0x22, 0xff, 0x22]), 'The request body is not UTF-8'],
    ['['.repeat(200_000), `The request body is nested deeper than ${MAX_JSON_DEPTH} levels`],
    ['['.repeat(33) + ']'.repeat(33), `The request body is nested deeper than ${MAX_JSON_DEPTH} levels`],
  ])('that is bad is refused with one issue at the root (%#)', (body, message) => {
    expect(refusal(body)).toEqual([{ code: 'custom', path: [], message }]);
  });

  it.each([
    ['{"a":"[[[["}', 1],
    [String.raw`{"a":"\"[[["}`, 1],
    [String.raw`["\\",[[]]]`, 3],
    ['1', 0],
    ['[][][]', 1],
  ])('%s is %d levels deep', (body, depth) => {
    expect(nestingDepth(Buffer.from(body))).toBe(depth);
  });

  it('may be as deep as the limit', () => {
    expect(refusal('['.repeat(32) + ']'.repeat(32))).toBe('accepted');
  });
});

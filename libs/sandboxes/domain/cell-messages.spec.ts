import { createHash } from 'node:crypto';
import { CellMessages, type CellLimits } from './cell-messages';
import { textOf } from './output';

const LIMITS: CellLimits = { maxStreamCharacters: 10, maxResults: 2, maxResultCharacters: 40 };
const line = (message: object): string => `${JSON.stringify({ id: 'c1', ...message })}\n`;
const take = (text: string, limits = LIMITS): CellMessages => {
  const messages = new CellMessages('c1', limits);
  messages.take(Buffer.from(text));
  return messages;
};

describe('the messages of a cell', () => {
  it('are put together to its output', () => {
    const messages = take(
      line({ type: 'stream', name: 'stdout', text: 'a' }) +
        line({ type: 'stream', name: 'stderr', text: 'b' }) +
        line({ type: 'stream', name: 'stdout', text: 'c' }) +
        line({ type: 'result', data: { 'text/plain': '1' }, is_value: true }) +
        line({ type: 'error', name: 'E', value: 'v', traceback: ['t'] }) +
        line({ type: 'done', cell: 1 }),
    );
    expect(messages.isDone).toBe(true);
    const { stdout, stderr, ...rest } = messages.output();
    expect([textOf(stdout.bytes), textOf(stderr.bytes)]).toEqual(['ac', 'b']);
    expect(stdout).toMatchObject({ totalBytes: 2, truncated: false, sha256: createHash('sha256').update('ac').digest('hex') });
    expect(rest).toEqual({
      results: [{ data: { 'text/plain': '1' }, isValue: true }],
      droppedResults: 0,
      error: { name: 'E', value: 'v', traceback: ['t'] },
    });
  });

  it('may come byte by byte, in the middle of a character too', () => {
    const messages = new CellMessages('c1', LIMITS);
    for (const byte of Buffer.from(line({ type: 'stream', name: 'stdout', text: 'ż🐢' }))) messages.take(Uint8Array.of(byte));
    expect(textOf(messages.output().stdout.bytes)).toBe('ż🐢');
  });

  it.each([
    ['no JSON', 'Traceback\n'],
    ['another kind', line({ type: 'exec', name: 'x' })],
    ['a wrong type', line({ type: 'stream', name: 'stdout', text: 5 })],
    ['another cell', `${JSON.stringify({ id: 'c2', type: 'done', cell: 1 })}\n`],
    ['a list', '[1]\n'],
    ['nothing', '\n'],
    ['a line that has not ended', line({ type: 'done', cell: 1 }).trimEnd()],
  ])('are passed over when they are %s', (_, text) => {
    const messages = take(text);
    expect(messages.isDone).toBe(false);
    expect(messages.output()).toMatchObject({
      stdout: { totalBytes: 0 },
      stderr: { totalBytes: 0 },
      results: [],
      error: null,
      droppedResults: 0,
    });
  });

  it('end with the first done', () => {
    const messages = take(line({ type: 'done', cell: 1 }) + line({ type: 'stream', name: 'stdout', text: 'late' }));
    expect(messages.output().stdout.totalBytes).toBe(0);
  });

  it('are cut where a stream is over its limit', () => {
    const messages = take(line({ type: 'stream', name: 'stdout', text: 'x'.repeat(11) }));
    const { stdout, stderr } = messages.output();
    expect(textOf(stdout.bytes)).toBe('x'.repeat(10));
    expect([stdout.totalBytes, stdout.truncated, stderr.truncated]).toEqual([11, true, false]);
  });

  it('leave out results over the number or the size, and say how many', () => {
    const small = line({ type: 'result', data: { 'text/plain': 'x' }, is_value: false });
    expect(take(small.repeat(3)).output()).toMatchObject({ droppedResults: 1, results: [{}, {}] });
    const large = line({ type: 'result', data: { 'image/png': 'x'.repeat(41) }, is_value: false });
    expect(take(large + small).output()).toMatchObject({ droppedResults: 1, results: [{ data: { 'text/plain': 'x' } }] });
  });

  it('hold no line that is longer than all that may be kept, and go on after it', () => {
    const messages = new CellMessages('c1', LIMITS);
    for (let piece = 0; piece < 100; piece++) messages.take(Buffer.alloc(1_000, 'x'));
    messages.take(Buffer.from(`\n${line({ type: 'done', cell: 1 })}`));
    expect(messages.output().droppedResults).toBe(1);
    expect(messages.isDone).toBe(true);
  });

  it('hold nothing that the database cannot store', () => {
    const messages = take('{"id":"c1","type":"stream","name":"stdout","text":"a\\ud800\\u0000b"}\n');
    expect(textOf(messages.output().stdout.bytes)).toBe('a\uFFFD\uFFFDb');
  });
});

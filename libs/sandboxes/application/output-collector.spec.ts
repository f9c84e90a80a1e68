import { createHash } from 'node:crypto';
import { collectOutput } from './output-collector';

async function* chunks(...parts: (string | Buffer)[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const part of parts) yield await Promise.resolve(typeof part === 'string' ? Buffer.from(part) : part);
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('the output collector', () => {
  it('keeps all of an output that just fits', async () => {
    const output = await collectOutput(chunks('abc', '', 'de'), 5);
    expect(output).toEqual({ bytes: Buffer.from('abcde'), totalBytes: 5, truncated: false, sha256: sha256('abcde') });
  });

  it('keeps the beginning of a longer one, and counts and hashes all of it', async () => {
    const output = await collectOutput(chunks('abc', 'def', 'ghi'), 4);
    expect(Buffer.from(output.bytes).toString()).toBe('abcd');
    expect(output).toMatchObject({ totalBytes: 9, truncated: true, sha256: sha256('abcdefghi') });
  });

  it('cuts between characters, also where a chunk ends inside one', async () => {
    const euro = Buffer.from('€');
    const output = await collectOutput(chunks('ab', euro.subarray(0, 1), euro.subarray(1), 'x'), 4);
    expect(Buffer.from(output.bytes).toString()).toBe('ab');
    expect(output).toMatchObject({ totalBytes: 6, truncated: true });
    expect(Buffer.from((await collectOutput(chunks(euro.subarray(0, 1), euro.subarray(1)), 3)).bytes).toString()).toBe('€');
  });

  it('does not hold on to large buffers of which it keeps little', async () => {
    const output = await collectOutput(chunks(Buffer.alloc(1 << 20, 'a')), 16);
    expect(output.bytes.buffer.byteLength).toBeLessThan(1 << 20);
  });

  it('passes the failure of a stream on', async () => {
    async function* broken(): AsyncGenerator<Uint8Array, void, undefined> {
      yield Buffer.from('a');
      await Promise.reject(new Error('stream broke'));
    }
    await expect(collectOutput(broken(), 10)).rejects.toThrow('stream broke');
  });
});

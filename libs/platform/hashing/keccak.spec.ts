import { randomBytes } from 'node:crypto';
import { keccak_256 } from '@noble/hashes/sha3';
import { keccak256, keccakReady } from './keccak';

describe('keccak256', () => {
  it('is the Keccak of Ethereum from the first moment on', () => {
    expect(Buffer.from(keccak256(new Uint8Array())).toString('hex')).toBe(
      'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470',
    );
  });

  it('runs as WebAssembly and says what the JavaScript says, whatever the length', async () => {
    expect(await keccakReady).toBe('WebAssembly');
    for (const length of [0, 1, 64, 66, 135, 136, 137, 271, 272, 273, 20_000]) {
      const bytes = randomBytes(length);
      expect(Buffer.from(keccak256(bytes))).toEqual(Buffer.from(keccak_256(bytes)));
    }
  });

  it('gives bytes that the next hash leaves alone', async () => {
    await keccakReady;
    const first = keccak256(Buffer.from('first'));
    const copy = Buffer.from(first);
    keccak256(Buffer.from('second'));
    expect(Buffer.from(first)).toEqual(copy);
  });
});

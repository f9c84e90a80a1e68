import { randomBytes } from 'node:crypto';
import { isSandboxId, newSandboxId } from './sandbox-id';

describe('sandbox ids', () => {
  it('are sb- and 22 alphanumeric characters', () => {
    for (let i = 0; i < 200; i++) expect(newSandboxId((length) => randomBytes(length))).toMatch(/^sb-[A-Za-z0-9]{22}$/);
  });

  it('throw bytes away that would make some characters more likely', () => {
    const bytes = [...Array<number>(10).fill(255), ...Array<number>(30).fill(0)];
    const id = newSandboxId((length) => Uint8Array.from({ length }, () => bytes.shift() ?? 1));
    expect(id).toBe(`sb-${'A'.repeat(22)}`);
  });

  it.each(['', 'sb-', 'sb-a b', 'sb-é', "sb-'; --", 'sb-\0', 'SB-abc', `sb-${'a'.repeat(65)}`])('%j is none', (text) => {
    expect(isSandboxId(text)).toBe(false);
  });
});

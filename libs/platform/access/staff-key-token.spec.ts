import { createHash } from 'node:crypto';
import { bearerToken, newToken, tokenSha256 } from './staff-key-token';

const token = newToken({ bytes: (length) => Buffer.alloc(length, 7) });

describe('a staff key', () => {
  it('is 256 random bits behind a prefix', () => {
    expect(token).toMatch(/^tb_[A-Za-z0-9_-]{43}$/);
    expect(Buffer.from(token.slice(3), 'base64url')).toEqual(Buffer.alloc(32, 7));
  });

  it('is stored as the SHA-256 of its whole text', () => {
    expect(tokenSha256(token)).toEqual(createHash('sha256').update(token).digest());
  });

  it.each([
    [`Bearer ${token}`, token],
    [`bearer ${token}`, token],
    [`Bearer ${token} x`, undefined],
    [`Basic ${token}`, undefined],
    [token, undefined],
    ['Bearer ', undefined],
    [`Bearer ${token}a`, undefined],
    ["Bearer tb_' OR 1=1 --", undefined],
    [undefined, undefined],
  ])('is read from the header %j as %j', (header, expected) => {
    expect(bearerToken(header)).toBe(expected);
  });
});

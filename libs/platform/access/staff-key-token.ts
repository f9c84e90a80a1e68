import { createHash } from 'node:crypto';
import type { Random } from '../clock/random';

const PREFIX = 'tb_';
const KEY_BYTES = 32;
const TOKEN = /^tb_[A-Za-z0-9_-]{43}$/;

/** A new key: 256 random bits behind a prefix that secret scanners can look for. */
export function newToken(random: Random): string {
  return PREFIX + random.bytes(KEY_BYTES).toString('base64url');
}

/** SHA-256 of the whole token text; the only form that is stored. 256 random bits need no slow hash. */
export function tokenSha256(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}

/** The token of an `Authorization: Bearer <key>` header, or undefined where the header has another form. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const token = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  return token !== undefined && TOKEN.test(token) ? token : undefined;
}

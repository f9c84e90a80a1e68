import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const LIFETIME_S = 3600;

/** The signed tokens that the control plane hands out: one kind for itself, one per task for the command router. */
export class AccessTokens {
  private readonly key = randomBytes(32);

  issue(audience: string): string {
    const claims = { aud: audience, exp: Math.floor(Date.now() / 1000) + LIFETIME_S };
    const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
    return `${body}.${this.sign(body)}`;
  }

  accepts(token: string, audience: string): boolean {
    const [header, payload, signature] = token.split('.');
    if (header === undefined || payload === undefined || signature === undefined) return false;
    const expected = Buffer.from(this.sign(`${header}.${payload}`));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { aud: string; exp: number };
    return claims.aud === audience && claims.exp > Date.now() / 1000;
  }

  private sign(body: string): string {
    return createHmac('sha256', this.key).update(body).digest('base64url');
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const CONTROL_PLANE = 'control-plane';

/** The signed tokens that the control plane hands out: one kind for itself, one per task for the command router. */
export class AccessTokens {
  lifetimeS = 3600;
  private readonly key = randomBytes(32);
  private taskKey = randomBytes(32);

  renewTaskKey(): void {
    this.taskKey = randomBytes(32);
  }

  issue(audience: string): string {
    const claims = { aud: audience, exp: Math.floor(Date.now() / 1000) + this.lifetimeS };
    const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
    return `${body}.${this.sign(body, audience)}`;
  }

  accepts(token: string, audience: string): boolean {
    const [header, payload, signature] = token.split('.');
    if (header === undefined || payload === undefined || signature === undefined) return false;
    const expected = Buffer.from(this.sign(`${header}.${payload}`, audience));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { aud: string; exp: number };
    return claims.aud === audience && claims.exp > Date.now() / 1000;
  }

  private sign(body: string, audience: string): string {
    return createHmac('sha256', audience === CONTROL_PLANE ? this.key : this.taskKey)
      .update(body)
      .digest('base64url');
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

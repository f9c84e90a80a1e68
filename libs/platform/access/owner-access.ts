import { Inject, Injectable, Optional } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { CLOCK, type Clock } from '../clock/clock';
import { CONFIG, type Config } from '../config/config';
import { TollboxError } from '../errors/tollbox-error';
import { clientNetwork } from '../http/client-network';
import { RateLimiter } from '../http/rate-limiter';
import type { Wallet } from '../operations/operation';
import { RefusalLog } from './refusal-log';
import { SignIn } from './sign-in/sign-in';

/** Whose prepaid credits a bearer token opens. Implemented by credits. */
export interface CreditTokens {
  /** The wallet that the token is bound to; null when the token is unknown or revoked. */
  walletOf(token: string): Promise<Wallet | null>;
}

/** Nest's injection token of CreditTokens. */
export const CREDIT_TOKENS = Symbol('CreditTokens');

const CREDIT_TOKEN = /^Bearer +(tbc_[A-Za-z0-9_-]{43}) *$/i;
const MAX_CLIENTS = 50_000;
const AUTHENTICATE = 'SIGN-IN-WITH-X realm="tollbox", Bearer realm="tollbox"';

/** The credit token of an `Authorization: Bearer tbc_...` header, or undefined where the header has another form. */
export function creditToken(authorization: string | undefined): string | undefined {
  return CREDIT_TOKEN.exec(authorization ?? '')?.[1];
}

type Caller = { readonly wallet: Wallet } | { readonly problem: string };

/**
 * Who calls an owner route: a wallet that signed in, or the wallet behind a credit token. Everybody else gets a 401 with
 * a challenge to sign.
 */
@Injectable()
export class OwnerAccess {
  private readonly limiter: RateLimiter;

  constructor(
    @Inject(CONFIG) config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly signIn: SignIn,
    @Optional() @Inject(CREDIT_TOKENS) private readonly tokens: CreditTokens | undefined,
    private readonly refusals: RefusalLog,
  ) {
    this.limiter = new RateLimiter(config.OWNER_REQUESTS_PER_MINUTE_PER_IP, MAX_CLIENTS);
  }

  async admit(request: FastifyRequest): Promise<Wallet> {
    const decision = this.limiter.take(clientNetwork(request.ip), this.clock.nowMs());
    if (!decision.allowed) throw new TollboxError('rate_limited', { retryAfterSeconds: decision.retryAfterSeconds });
    const caller = await this.callerOf(request);
    if ('wallet' in caller) return caller.wallet;
    await this.record(request, caller.problem);
    throw new TollboxError('sign_in_required', {
      details: caller.problem,
      headers: { 'www-authenticate': AUTHENTICATE },
      body: { x402Version: 2, extensions: await this.signIn.challenge(request) },
    });
  }

  private async callerOf(request: FastifyRequest): Promise<Caller> {
    const proof = [request.headers['sign-in-with-x'] ?? []].flat().join(',');
    if (proof !== '') {
      const result = await this.signIn.verify(proof, request);
      return result.ok ? { wallet: result.wallet } : { problem: result.problem };
    }
    const { authorization } = request.headers;
    if (authorization === undefined) return { problem: 'there is no SIGN-IN-WITH-X header and no credit token' };
    const token = creditToken(authorization);
    const wallet = token === undefined ? null : ((await this.tokens?.walletOf(token)) ?? null);
    return wallet === null ? { problem: 'the credit token is unknown or revoked' } : { wallet };
  }

  private record(request: FastifyRequest, reason: string): Promise<void> {
    return this.refusals.record({
      actorKind: 'anonymous',
      actor: 'unknown',
      action: 'owner.access',
      subjectKind: 'route',
      subject: `${request.method} ${request.routeOptions.url ?? ''}`,
      detail: { reason },
      requestId: request.id,
      ip: request.ip,
    });
  }
}

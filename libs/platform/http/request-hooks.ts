import type { FastifyInstance } from 'fastify';
import type { Clock } from '../clock/clock';
import type { Config } from '../config/config';
import { TollboxError } from '../errors/tollbox-error';
import { clientNetwork } from './client-network';
import { sendError } from './error-answer';
import { RateLimiter } from './rate-limiter';

const EXPOSED_HEADERS = [
  'PAYMENT-REQUIRED',
  'X-Payment-Required',
  'PAYMENT-RESPONSE',
  'X-PAYMENT-RESPONSE',
  'X-Payment-Receipt',
  'X-Payment-Id',
  'X-Request-Id',
  'Retry-After',
].join(', ');
const ALLOWED_HEADERS = [
  'PAYMENT-SIGNATURE',
  'X-PAYMENT',
  'SIGN-IN-WITH-X',
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'Content-Digest',
  'Last-Event-ID',
].join(', ');
const ALLOWED_METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const PREFLIGHT_SECONDS = '86400';
const MAX_CLIENTS = 50_000;

/** What every answer carries unless its handler says otherwise. */
function defaultHeaders(config: Config): Readonly<Record<string, string>> {
  return {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'access-control-allow-origin': '*',
    'access-control-expose-headers': EXPOSED_HEADERS,
    ...(config.PUBLIC_URL?.startsWith('https:') === true ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}

/**
 * Default headers, the request id and CORS. Any origin may call: nothing here rests on cookies, so a browser lends a
 * stranger's page no authority.
 */
export function addAnswerHeaders(instance: FastifyInstance, config: Config): void {
  const headers = defaultHeaders(config);
  instance.addHook('onRequest', (request, reply, done) => {
    void reply.headers(headers).header('x-request-id', request.id);
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      void reply
        .headers({
          'access-control-allow-methods': ALLOWED_METHODS,
          'access-control-allow-headers': ALLOWED_HEADERS,
          'access-control-max-age': PREFLIGHT_SECONDS,
        })
        .code(204)
        .send();
      return;
    }
    done();
  });
}

/** Requests of one client network per minute, over all routes but health. */
export function addRateLimit(instance: FastifyInstance, config: Config, clock: Clock): void {
  const limiter = new RateLimiter(config.REQUESTS_PER_MINUTE_PER_IP, MAX_CLIENTS);
  instance.addHook('onRequest', (request, reply, done) => {
    if (request.url === '/health' || request.url.startsWith('/health/')) {
      done();
      return;
    }
    const decision = limiter.take(clientNetwork(request.ip), clock.nowMs());
    if (decision.allowed) done();
    else sendError(request, reply, new TollboxError('rate_limited', { retryAfterSeconds: decision.retryAfterSeconds }));
  });
}

/** A request without a body reads as the empty object, so that its schema names every missing field. */
export function addEmptyBody(instance: FastifyInstance): void {
  instance.addHook('preValidation', (request, _reply, done) => {
    if (request.rawBody === undefined) {
      request.rawBody = Buffer.alloc(0);
      if (request.method !== 'GET' && request.method !== 'HEAD') request.body = {};
    }
    done();
  });
}

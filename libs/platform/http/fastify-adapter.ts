import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyHttpOptions, FastifyInstance } from 'fastify';
import { systemClock, type Clock } from '../clock/clock';
import type { Config } from '../config/config';
import { TollboxError, errorBody } from '../errors/tollbox-error';
import { sendError, toTollboxError } from './error-answer';
import './fastify-request';
import { invalidBody, parseJsonBody } from './json-body';
import { continueIfExpected } from './expected-continue';
import { addPlainJson } from './plain-json-body';
import { addAnswerHeaders, addEmptyBody, addRateLimit } from './request-hooks';
import { RouteTable } from './route-table';

const IDLE_MARGIN_MS = 60_000;
const MAX_PARAM_LENGTH = 256;

/** Longer than any answer takes: the socket of a request that only waits is not idle. */
function connectionTimeoutMs(config: Config): number {
  const longestWorkMs = Math.max(
    config.SANDBOX_CREATE_DEADLINE_MS,
    config.SANDBOX_TERMINATE_DEADLINE_MS,
    config.EXEC_MAX_TIMEOUT_S * 1_000,
    config.REQUEST_TIMEOUT_MS,
  );
  return longestWorkMs + config.SETTLEMENT_CONFIRM_WAIT_MS + IDLE_MARGIN_MS;
}

/** What the HTTP parser itself refuses never reaches a route; its answer has the same keys as every other. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'The request headers are too large']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'The request did not arrive in time']
        : ['400 Bad Request', 'The request is not valid HTTP'];
  const body = JSON.stringify(
    errorBody(new TollboxError('invalid_body', { message }), { charged: false, requestId: randomUUID() }),
  );
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function serverOptions(config: Config): FastifyHttpOptions<Server> {
  return {
    logger: false,
    bodyLimit: config.BODY_LIMIT_BYTES,
    requestTimeout: config.REQUEST_TIMEOUT_MS,
    connectionTimeout: connectionTimeoutMs(config),
    forceCloseConnections: 'idle',
    trustProxy: config.TRUSTED_PROXIES.length === 0 ? false : config.TRUSTED_PROXIES,
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => sendError(request, reply, toTollboxError(error)),
    clientErrorHandler: refuseUnreadable,
    // Node itself would answer without a body; requireHost() below does it with one.
    http: { requireHostHeader: false },
  };
}

/** HTTP/1.1 asks every request for a Host (RFC 9112, 3.2). */
function requireHost(instance: FastifyInstance): void {
  instance.addHook('onRequest', (request, reply, done) => {
    if (request.headers.host !== undefined || request.raw.httpVersion === '1.0') done();
    else sendError(request, reply, invalidBody('The request has no Host header'));
  });
}

/** An expectation that is not `100-continue` may be ignored (RFC 9110, 10.1.1); Node would answer it without a body. */
function ignoreUnknownExpectations(instance: FastifyInstance): void {
  instance.server.on('checkExpectation', (request, response) => instance.server.emit('request', request, response));
}

/** A client that waits for `100 Continue` gets it when its body is about to be read, and not for a body that nobody wants. */
function continueWhenRead(instance: FastifyInstance): void {
  instance.server.on('checkContinue', (request, response) => instance.server.emit('request', request, response));
  instance.addHook('preParsing', (request, reply, _payload, done) => {
    continueIfExpected(request, reply);
    done();
  });
}

/** JSON only. The exact bytes stay on `request.rawBody`: a payment's fingerprint is taken over them. */
function addJsonParser(adapter: FastifyAdapter, instance: FastifyInstance, bodyLimit: number): void {
  instance.removeAllContentTypeParsers();
  const secure = instance.getDefaultJsonParser('error', 'error');
  addPlainJson(instance, (request, text) => parseWith(secure, request, text));
  adapter.useBodyParser('application/json', true, { bodyLimit }, (request, body, done) => {
    try {
      done(
        null,
        parseJsonBody(body, (text) => parseWith(secure, request, text)),
      );
    } catch (error) {
      done(error as Error);
    }
  });
}

type JsonParser = ReturnType<FastifyInstance['getDefaultJsonParser']>;
type ParserRequest = Parameters<JsonParser>[0];

/** Fastify's parser answers through a callback that it calls before it returns. */
function parseWith(parser: JsonParser, request: unknown, text: string): unknown {
  const outcome: { error: Error | null; value?: unknown } = { error: null };
  void parser(request as ParserRequest, text, (error, value: unknown) => Object.assign(outcome, { error, value }));
  if (outcome.error !== null) throw outcome.error;
  return outcome.value;
}

/**
 * The HTTP server of the gateway: limits, timeouts, request ids, default headers, CORS, rate limit and the JSON parser.
 * Give it to `NestFactory.create` together with HttpModule, which holds the error filter.
 */
export function createFastifyAdapter(config: Config, clock: Clock = systemClock): FastifyAdapter {
  const adapter = new FastifyAdapter(serverOptions(config));
  const instance = adapter.getInstance<FastifyInstance>();
  const table = new RouteTable();
  instance.decorate('routeTable', table);
  instance.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) table.add(method, route.url);
  });
  addAnswerHeaders(instance, config);
  requireHost(instance);
  ignoreUnknownExpectations(instance);
  continueWhenRead(instance);
  addRateLimit(instance, config, clock);
  addJsonParser(adapter, instance, config.BODY_LIMIT_BYTES);
  addEmptyBody(instance);
  return adapter;
}

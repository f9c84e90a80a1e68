import type { OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { continueIfExpected, expectsContinue } from '@tollbox/platform/http/expected-continue';
import type { PreparedAnswer } from '@tollbox/platform/http/prepared-answer';
import { sendPrepared } from '@tollbox/platform/http/prepared-answer';
import { isPlainJson } from '@tollbox/platform/http/plain-json-body';
import type { OperationRegistry } from '@tollbox/platform/operations/operation';
import { listPricedHandlers } from '@tollbox/platform/routes/priced-handlers';
import type { PricedCalls } from './priced-calls';
import { pricedRoute, type PricedRoute } from './priced-route';

/**
 * Answers priced routes in the HTTP server itself, where guards and interceptors of the framework would cost a multiple of
 * the call. A call whose path and body are the ordinary ones is answered before the server reads bodies by itself, which
 * costs a tenth of an unpaid one; so is one whose body is streamed, which nobody may read before it is paid for; the others
 * a step later. What is before it (limits, headers, body) and what follows an error is the same as for every other route.
 */
export class PricedLane implements OnModuleInit {
  /** Routes whose path is the same for every call, by that path. */
  private readonly plain = new Map<string, PricedRoute>();
  /** Routes whose body is streamed, by their pattern. */
  private readonly uploads = new Map<string, PricedRoute>();
  /** The other ones, by their pattern. */
  private readonly parsed = new Map<string, PricedRoute>();

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly modules: ModulesContainer,
    private readonly operations: OperationRegistry,
    private readonly calls: PricedCalls,
    private readonly bodyLimitBytes: number,
  ) {}

  onModuleInit(): void {
    const sold = new Set(this.operations.names());
    for (const found of listPricedHandlers(this.modules)) {
      // Nobody can pay for an operation that is not there: its route is left to the guard, which lets no priced call in.
      if (!sold.has(found.operation)) continue;
      const route = pricedRoute(found, this.operations.get(found.operation));
      const key = laneKey(found.method, found.path);
      if (route.operation.upload !== undefined) this.uploads.set(key, route);
      else this.parsed.set(key, route);
      if (!route.isMerged && route.operation.upload === undefined) this.plain.set(key, route);
    }
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    // The last of these hooks: limits, headers and refusals of the server have come before.
    server.addHook('onRequest', (request, reply, done) => {
      const route = this.plain.get(laneKey(request.method, request.url));
      if (route !== undefined && isPlainJson(request, this.bodyLimitBytes)) {
        server.readPlainJson(request, (error) => (error === null ? this.answer(route, request, reply, done) : done(error)));
        return;
      }
      const upload = find(this.uploads, request);
      if (upload === undefined) {
        done();
        return;
      }
      request.askForBody = () => continueIfExpected(request, reply);
      // Whether such a client sends its body after this answer cannot be told from its next request.
      if (expectsContinue(request)) void reply.header('connection', 'close');
      this.answer(upload, request, reply, done);
    });
    server.addHook('preHandler', (request, reply, done) => {
      const route = find(this.parsed, request);
      if (route === undefined) done();
      else this.answer(route, request, reply, done);
    });
  }

  private answer(route: PricedRoute, request: FastifyRequest, reply: FastifyReply, fail: (error: Error) => void): void {
    const send = (answer: PreparedAnswer) => sendPrepared(reply, answer);
    try {
      const answer = this.calls.answer(request, route);
      if (answer instanceof Promise) answer.then(send, fail);
      else send(answer);
    } catch (error) {
      fail(error as Error);
    }
  }
}

const laneKey = (method: string, path: string): string => `${method} ${path}`;

const find = (routes: ReadonlyMap<string, PricedRoute>, request: FastifyRequest): PricedRoute | undefined =>
  routes.size === 0 ? undefined : routes.get(laneKey(request.method, request.routeOptions.url ?? ''));

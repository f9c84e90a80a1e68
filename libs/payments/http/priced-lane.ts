import type { OnModuleInit } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { PreparedAnswer } from '@tollbox/platform/http/prepared-answer';
import { sendPrepared } from '@tollbox/platform/http/prepared-answer';
import { isPlainJson } from '@tollbox/platform/http/plain-json-body';
import type { Operation, OperationRegistry } from '@tollbox/platform/operations/operation';
import { listPricedHandlers, type PricedHandler } from '@tollbox/platform/routes/priced-handlers';
import type { PricedCalls } from './priced-calls';

interface Lane {
  readonly operation: Operation;
  readonly handler: PricedHandler;
}

/**
 * Answers priced routes in the HTTP server itself, where guards and interceptors of the framework would cost a multiple of
 * the call. A call whose path and body are the ordinary ones is answered before the server reads bodies by itself, which
 * costs a tenth of an unpaid one; the others a step later. What is before it (limits, headers, body) and what follows an error is the same as for every other route.
 */
export class PricedLane implements OnModuleInit {
  private readonly lanes = new Map<string, Lane>();

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly modules: ModulesContainer,
    private readonly operations: OperationRegistry,
    private readonly calls: PricedCalls,
    private readonly bodyLimitBytes: number,
  ) {}

  onModuleInit(): void {
    const sold = new Set(this.operations.names());
    for (const { method, path, operation, handler } of listPricedHandlers(this.modules)) {
      // Nobody can pay for an operation that is not there: its route is left to the guard, which lets no priced call in.
      if (sold.has(operation)) this.lanes.set(laneKey(method, path), { operation: this.operations.get(operation), handler });
    }
    const server = this.host.httpAdapter.getInstance<FastifyInstance>();
    // The last of these hooks: limits, headers and refusals of the server have come before.
    server.addHook('onRequest', (request, reply, done) => {
      const lane = this.lanes.get(laneKey(request.method, request.url));
      if (lane === undefined || !isPlainJson(request, this.bodyLimitBytes)) done();
      else server.readPlainJson(request, (error) => (error === null ? this.answer(lane, request, reply, done) : done(error)));
    });
    server.addHook('preHandler', (request, reply, done) => {
      const lane = this.laneOf(request);
      if (lane === undefined) done();
      else this.answer(lane, request, reply, done);
    });
  }

  private laneOf(request: FastifyRequest): Lane | undefined {
    return this.lanes.get(laneKey(request.method, request.routeOptions.url ?? ''));
  }

  private answer(lane: Lane, request: FastifyRequest, reply: FastifyReply, fail: (error: Error) => void): void {
    const send = (answer: PreparedAnswer) => sendPrepared(reply, answer);
    try {
      const answer = this.calls.answer(request, lane.operation, lane.handler);
      if (answer instanceof Promise) answer.then(send, fail);
      else send(answer);
    } catch (error) {
      fail(error as Error);
    }
  }
}

const laneKey = (method: string, path: string): string => `${method} ${path}`;

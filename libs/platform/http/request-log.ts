import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

/** One line for every answered request: id, route, status and duration; never a header, a query or a body. */
@Injectable()
export class RequestLog implements OnModuleInit {
  private readonly logger = new Logger('Request');

  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    this.host.httpAdapter.getInstance<FastifyInstance>().addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url ?? null;
      const line = {
        requestId: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
        ip: request.ip,
        msg: 'request',
      };
      if (route?.startsWith('/health') === true) this.logger.debug(line);
      else this.logger.log(line);
      done();
    });
  }
}

import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { CONFIG, type Config } from '../config/config';

/** Levels of the log at which the lines of requests are in it. */
const LINE_LEVELS = new Set<Config['LOG_LEVEL']>(['info', 'debug', 'trace']);

/** One line for every answered request: id, route, status and duration; never a header, a query or a body. */
@Injectable()
export class RequestLog implements OnModuleInit {
  private readonly logger = new Logger('Request');

  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  onModuleInit(): void {
    if (!LINE_LEVELS.has(this.config.LOG_LEVEL)) return;
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

import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TollboxError } from '../errors/tollbox-error';
import { sendError, toTollboxError } from './error-answer';
import './fastify-request';

/** The one place where a thrown value becomes an answer. What the caller must not see is logged here, once. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = withAllowedMethods(toTollboxError(thrown, request.body), request);
    this.log(error, thrown, request);
    // A stream that already began cannot become an error answer; cutting it tells the client that it is not whole.
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    sendError(request, reply, error);
  }

  private log(error: TollboxError, thrown: unknown, request: FastifyRequest): void {
    if (error.definition.status < 500) return;
    const context = { requestId: request.id, method: request.method, route: request.routeOptions.url ?? null, code: error.code };
    const cause = thrown instanceof TollboxError ? (thrown.cause ?? thrown) : thrown;
    if (error.code === 'internal') this.logger.error({ ...context, err: cause, msg: 'a request failed' });
    else this.logger.warn({ ...context, err: cause, msg: 'a request was refused by a dependency' });
  }
}

/** An unknown route whose path exists with other methods is a 405 that names them. */
function withAllowedMethods(error: TollboxError, request: FastifyRequest): TollboxError {
  if (error.code !== 'not_found' || request.routeOptions.url !== undefined) return error;
  const methods = request.server.routeTable.methodsOf(request.url.split('?')[0] ?? request.url);
  if (methods.length === 0) return error;
  return new TollboxError('method_not_allowed', { headers: { allow: [...methods, 'OPTIONS'].join(', ') } });
}

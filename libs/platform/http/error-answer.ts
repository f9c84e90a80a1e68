import { HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ZodError } from 'zod';
import type { ErrorCode } from '../errors/registry';
import { TollboxError, errorBody } from '../errors/tollbox-error';
import { invalidBody } from './json-body';
import { toIssueDetails } from './zod-issues';

const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = Object.freeze({
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
});

/** HTTP status that a framework error asks for; 500 where it names none. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number') return error.statusCode;
  return 500;
}

/**
 * Any thrown value as an error that a caller may see. Texts of foreign errors are never passed on: they may name tables,
 * hosts or files.
 */
export function toTollboxError(error: unknown, input?: unknown): TollboxError {
  if (error instanceof TollboxError) return error;
  if (error instanceof ZodError) return new TollboxError('invalid_body', { details: toIssueDetails(error, input), cause: error });
  const status = statusOf(error);
  if (status < 400 || status >= 500) return new TollboxError('internal', { cause: error });
  const code = CODE_OF_STATUS[status];
  return code === undefined ? invalidBody('The request could not be read', error) : new TollboxError(code, { cause: error });
}

/** Sends the error's status, headers and body. */
export function sendError(request: FastifyRequest, reply: FastifyReply, error: TollboxError): void {
  void reply.headers({ ...error.headers });
  if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', String(error.retryAfterSeconds));
  if (error.code === 'unauthorized') void reply.header('www-authenticate', 'Bearer realm="tollbox"');
  void reply
    .code(error.definition.status)
    .type('application/json; charset=utf-8')
    .send(errorBody(error, { charged: request.charged ?? false, requestId: request.id }));
}

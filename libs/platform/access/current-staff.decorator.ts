import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { StaffIdentity } from '../http/fastify-request';

/** Who did it, from where: what an audit entry of a staff action needs. */
export interface StaffCaller extends StaffIdentity {
  readonly requestId: string;
  readonly ip: string;
}

/** Injects the staff key behind the request. Only on routes declared with `@Staff`. */
export const CurrentStaff = createParamDecorator((_: unknown, context: ExecutionContext): StaffCaller => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  if (request.staff === undefined) throw new Error('CurrentStaff is used on a route that is not declared with @Staff');
  return { ...request.staff, requestId: request.id, ip: request.ip };
});

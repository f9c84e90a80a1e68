import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import '../http/fastify-request';
import type { Wallet } from '../operations/operation';

/** Injects the wallet that signed in, or that the credit token is bound to. Only on routes declared with `@Owner`. */
export const CurrentOwner = createParamDecorator((_: unknown, context: ExecutionContext): Wallet => {
  const { owner } = context.switchToHttp().getRequest<FastifyRequest>();
  if (owner === undefined) throw new Error('CurrentOwner is used on a route that is not declared with @Owner');
  return owner;
});

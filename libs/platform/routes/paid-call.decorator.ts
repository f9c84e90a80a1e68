import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Wallet } from '../operations/operation';

/** What a priced handler knows of its caller: who pays, and the id under which the work is recorded. */
export interface PaidCall<Body = unknown> {
  readonly owner: Wallet;
  readonly operationId: string;
  /** The body as parsed by the route's schema. */
  readonly body: Body;
}

export interface RequestWithPaidCall {
  paidCall?: PaidCall;
}

/** Injects the PaidCall that the payment interceptor put on the request. */
export const Paid = createParamDecorator((_: unknown, context: ExecutionContext): PaidCall => {
  const call = context.switchToHttp().getRequest<RequestWithPaidCall>().paidCall;
  if (call === undefined) throw new Error('a priced handler ran without the payment interceptor');
  return call;
});

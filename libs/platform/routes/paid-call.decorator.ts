import { createParamDecorator } from '@nestjs/common';
import type { Wallet } from '../operations/operation';

/** What a priced handler knows of its caller: who pays, and the id under which the work is recorded. */
export interface PaidCall<Body = unknown> {
  readonly owner: Wallet;
  readonly operationId: string;
  /** The input as parsed by the operation's schema. */
  readonly body: Body;
}

/** A call whose request body is streamed: what is read to its end has the digest that was paid for. */
export interface PaidUpload<Body = unknown> extends PaidCall<Body> {
  readonly content: AsyncIterable<Uint8Array>;
}

/** Whoever takes the payment calls the handler with its call; the framework's own pipeline has none to give. */
export const readPaidCall = (): PaidCall => {
  throw new Error('a priced handler ran without a payment');
};

/** The argument of a priced handler: its PaidCall. */
export const Paid = createParamDecorator(readPaidCall);

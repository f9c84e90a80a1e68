import type { CallContext } from 'nice-grpc';

/** One method: unary methods return their answer, streaming ones an async iterable of answers. */
export type Handler = (request: never, context: CallContext) => unknown;
export type Handlers = Readonly<Record<string, Handler>>;

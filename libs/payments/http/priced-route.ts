import type { FastifyRequest } from 'fastify';
import type { Operation } from '@tollbox/platform/operations/operation';
import type { PricedHandler, PricedRouteHandler } from '@tollbox/platform/routes/priced-handlers';

/** A priced route with what it sells. */
export interface PricedRoute {
  readonly operation: Operation;
  readonly handler: PricedHandler;
  readonly status: number;
  /** Path parameters or query parameters are part of the input. */
  readonly isMerged: boolean;
  /** Names of the input that come as query parameters. */
  readonly query: readonly string[];
}

/** @throws Error at start when route and operation do not answer with the same status */
export function pricedRoute(found: PricedRouteHandler, operation: Operation): PricedRoute {
  const { handler, status, query, method, path } = found;
  const promised = operation.status ?? 200;
  if (status !== promised)
    throw new Error(`${method} ${path} answers ${status}, but a recovered ${operation.name} would answer ${promised}`);
  return { operation, handler, status, query, isMerged: query.length > 0 || path.includes(':') };
}

/**
 * What the operation's schema sees: the body, or on a merged route the query that the route names, the body and the path,
 * of which the later ones win. All three are part of a payment's fingerprint. A body that is no object stays as it is,
 * for the schema to refuse.
 */
export function inputOf(route: PricedRoute, request: FastifyRequest): unknown {
  if (!route.isMerged) return request.body;
  const body = route.operation.upload === undefined ? (request.body ?? {}) : {};
  if (typeof body !== 'object' || Array.isArray(body)) return body;
  const query = request.query as Record<string, unknown>;
  const named = route.query.flatMap((name) => (Object.hasOwn(query, name) ? [[name, query[name]] as const] : []));
  return { ...Object.fromEntries(named), ...body, ...(request.params as object) };
}

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import '@tollbox/platform/http/fastify-request';
import { OperationRegistry } from '@tollbox/platform/operations/operation';
import { listRoutes, type InventoryRoute } from '@tollbox/platform/routes/route-inventory';

const nameOf = ({ method, path }: { method: string; path: string }): string => `${method} ${path}`;

function flagsOf(route: InventoryRoute, operations: readonly string[]): string[] {
  const { declaration } = route;
  if (declaration === undefined) return [`${nameOf(route)} (${route.handler}) states nothing`];
  if (declaration.summary.trim() === '') return [`${nameOf(route)} says not what it does`];
  if (declaration.kind === 'staff' && declaration.roles.length === 0) return [`${nameOf(route)} is for no role`];
  if (declaration.kind === 'priced' && !operations.includes(declaration.operation))
    return [`${nameOf(route)} sells ${declaration.operation}, which nobody registered`];
  return [];
}

/**
 * What is wrong with the routes of a running gateway: a route that states nothing or nonsense, one that the HTTP server
 * serves beside Nest's controllers, one that a controller has and the server does not serve.
 */
export function flaggedRoutes(app: NestFastifyApplication): string[] {
  const routes = listRoutes(app);
  const known = new Set(routes.map(nameOf));
  const served = new Set(
    app
      .getHttpAdapter()
      .getInstance()
      .routeTable.list()
      .filter(({ method, path }) => !(method === 'HEAD' && known.has(`GET ${path}`)))
      .map(nameOf),
  );
  const operations = app.get(OperationRegistry, { strict: false }).names();
  return [
    ...routes.flatMap((route) => flagsOf(route, operations)),
    ...[...served].filter((name) => !known.has(name)).map((name) => `${name} is served by no controller`),
    ...[...known].filter((name) => !served.has(name)).map((name) => `${name} is not served`),
  ].sort();
}

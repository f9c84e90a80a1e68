import type { ModulesContainer } from '@nestjs/core';
import { GUARDS_METADATA, INTERCEPTORS_METADATA, PIPES_METADATA, ROUTE_ARGS_METADATA } from '@nestjs/common/constants';
import type { PaidCall } from './paid-call.decorator';
import { readPaidCall } from './paid-call.decorator';
import { routesOfControllers } from './route-inventory';

/** Does the work of a priced route: the controller's method, with the one argument that it may ask for. */
export type PricedHandler = (call: PaidCall) => unknown;

export interface PricedRouteHandler {
  readonly method: string;
  readonly path: string;
  /** Status of the answer. */
  readonly status: number;
  readonly operation: string;
  /** Names of the input that come as query parameters. */
  readonly query: readonly string[];
  readonly handler: PricedHandler;
}

/**
 * The methods behind all `@Priced` routes. They are called without the framework's request pipeline, so they can have
 * nothing of it: no argument but `@Paid()`, no guard, pipe or interceptor of their own.
 * @throws Error at start when one of them does
 */
export function listPricedHandlers(modules: ModulesContainer): PricedRouteHandler[] {
  return routesOfControllers(modules).flatMap(({ route, controller, instance, methodName }) => {
    if (route.declaration?.kind !== 'priced') return [];
    const method = (instance as Record<string, unknown>)[methodName] as (...args: unknown[]) => unknown;
    refuseFrameworkParts(route.handler, controller, methodName, method);
    return [
      {
        method: route.method,
        path: route.path,
        status: route.status,
        query: route.declaration.query ?? [],
        operation: route.declaration.operation,
        handler: (call: PaidCall) => method.call(instance, call),
      },
    ];
  });
}

function refuseFrameworkParts(name: string, controller: object, methodName: string, method: object): void {
  const parameters = Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, methodName) as
    Record<string, { index: number; factory?: unknown; pipes: unknown[] }> | undefined;
  for (const { index, factory, pipes } of Object.values(parameters ?? {})) {
    if (index !== 0 || factory !== readPaidCall || pipes.length > 0)
      throw new Error(`${name} is priced, so @Paid() is the only argument it can have`);
  }
  for (const key of [GUARDS_METADATA, PIPES_METADATA, INTERCEPTORS_METADATA]) {
    if (Reflect.hasMetadata(key, method) || Reflect.hasMetadata(key, controller))
      throw new Error(`${name} is priced, so it can have no guard, pipe or interceptor`);
  }
}

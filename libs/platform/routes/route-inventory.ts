import { RequestMethod, type INestApplicationContext } from '@nestjs/common';
import { HTTP_CODE_METADATA, METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { ROUTE_DECLARATION, type RouteDeclaration } from './access.decorators';

/** One route of the running application. */
export interface InventoryRoute {
  /** Upper-case HTTP method. */
  readonly method: string;
  /** Path with Fastify parameters, for example `/admin/sandboxes/:id`. */
  readonly path: string;
  /** Class and method that answer it. */
  readonly handler: string;
  /** Status of its answer when all went well. */
  readonly status: number;
  /** Undefined when the route states nothing; such a route is refused and fails the tests. */
  readonly declaration: RouteDeclaration | undefined;
}

type ControllerClass = abstract new (...args: never[]) => object;

const asPaths = (metadata: unknown): string[] => [metadata ?? ''].flat().map(String);

function joinPath(...parts: readonly string[]): string {
  const segments = parts.flatMap((part) => part.split('/')).filter((segment) => segment !== '');
  return `/${segments.join('/')}`;
}

/** A route with the class and the object that answer it. */
export interface ControllerRoute {
  readonly route: InventoryRoute;
  readonly controller: ControllerClass;
  readonly instance: unknown;
  readonly methodName: string;
}

function routesOf(controller: ControllerClass, instance: unknown, scanner: MetadataScanner): ControllerRoute[] {
  const prototype = controller.prototype as Record<string, unknown>;
  const prefixes = asPaths(Reflect.getMetadata(PATH_METADATA, controller));
  return scanner.getAllMethodNames(prototype).flatMap((methodName) => {
    const handler = prototype[methodName] as object;
    const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
    if (method === undefined) return [];
    const declaration = Reflect.getMetadata(ROUTE_DECLARATION, handler) as RouteDeclaration | undefined;
    const paths = asPaths(Reflect.getMetadata(PATH_METADATA, handler));
    return prefixes.flatMap((prefix) =>
      paths.map((path) => ({
        controller,
        instance,
        methodName,
        route: {
          method: RequestMethod[method],
          path: joinPath(prefix, path),
          handler: `${controller.name}.${methodName}`,
          status: (Reflect.getMetadata(HTTP_CODE_METADATA, handler) as number | undefined) ?? 200,
          declaration,
        },
      })),
    );
  });
}

/** Every route of every controller, with its class and object. */
export function routesOfControllers(modules: ModulesContainer): ControllerRoute[] {
  const scanner = new MetadataScanner();
  const controllers = new Map<ControllerClass, unknown>();
  for (const module of modules.values()) {
    for (const { metatype, instance } of module.controllers.values()) {
      if (typeof metatype === 'function') controllers.set(metatype as ControllerClass, instance);
    }
  }
  return [...controllers].flatMap(([controller, instance]) => routesOf(controller, instance, scanner));
}

/** Every route of every controller of the application, with what it declares, ordered by path and method. */
export function listRoutes(source: INestApplicationContext | ModulesContainer): InventoryRoute[] {
  const modules = source instanceof ModulesContainer ? source : source.get(ModulesContainer, { strict: false });
  return routesOfControllers(modules)
    .map(({ route }) => route)
    .sort((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method));
}

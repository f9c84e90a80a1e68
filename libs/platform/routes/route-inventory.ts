import { RequestMethod, type INestApplicationContext } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants';
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
  /** Undefined when the route states nothing; such a route is refused and fails the tests. */
  readonly declaration: RouteDeclaration | undefined;
}

type ControllerClass = abstract new (...args: never[]) => object;

const asPaths = (metadata: unknown): string[] => [metadata ?? ''].flat().map(String);

function joinPath(...parts: readonly string[]): string {
  const segments = parts.flatMap((part) => part.split('/')).filter((segment) => segment !== '');
  return `/${segments.join('/')}`;
}

function routesOf(controller: ControllerClass, scanner: MetadataScanner): InventoryRoute[] {
  const prototype = controller.prototype as Record<string, unknown>;
  const prefixes = asPaths(Reflect.getMetadata(PATH_METADATA, controller));
  return scanner.getAllMethodNames(prototype).flatMap((name) => {
    const handler = prototype[name] as object;
    const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
    if (method === undefined) return [];
    const declaration = Reflect.getMetadata(ROUTE_DECLARATION, handler) as RouteDeclaration | undefined;
    const paths = asPaths(Reflect.getMetadata(PATH_METADATA, handler));
    return prefixes.flatMap((prefix) =>
      paths.map((path) => ({
        method: RequestMethod[method],
        path: joinPath(prefix, path),
        handler: `${controller.name}.${name}`,
        declaration,
      })),
    );
  });
}

/** Every route of every controller of the application, with what it declares, ordered by path and method. */
export function listRoutes(source: INestApplicationContext | ModulesContainer): InventoryRoute[] {
  const modules = source instanceof ModulesContainer ? source : source.get(ModulesContainer, { strict: false });
  const scanner = new MetadataScanner();
  const controllers = new Set<ControllerClass>();
  for (const module of modules.values()) {
    for (const { metatype } of module.controllers.values()) {
      if (typeof metatype === 'function') controllers.add(metatype as ControllerClass);
    }
  }
  return [...controllers]
    .flatMap((controller) => routesOf(controller, scanner))
    .sort((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method));
}

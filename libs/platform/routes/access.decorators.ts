import { SetMetadata, applyDecorators } from '@nestjs/common';
import type { ZodType } from 'zod';
import type { ErrorCode } from '../errors/registry';

/**
 * Every route states in one decorator what it asks of its caller: a price, nothing, a staff role, or to show which wallet he is. A route that states
 * nothing is refused at run time and fails test/platform/route-declarations.
 */
export const STAFF_ROLES = ['operator', 'finance', 'auditor'] as const;
export type StaffRole = (typeof STAFF_ROLES)[number];

/** `errors` of a route: what its handler answers beside what the guard and the reading of its input do; for /openapi.json. */
export interface PricedRoute {
  readonly kind: 'priced';
  /** Key of the operation in the operation registry, for example `sandbox.create`; the operation has the schemas. */
  readonly operation: string;
  readonly summary: string;
  /** Names of the operation's input that come as query parameters. */
  readonly query?: readonly string[];
}
export interface FreeRoute {
  readonly kind: 'free';
  readonly summary: string;
  /** Another status that the same answer can have. */
  readonly otherStatus?: number;
  /** The 200 answer, for /openapi.json. */
  readonly answer?: ZodType;
  /** Media type of the 200 answer; JSON when absent. */
  readonly mediaType?: string;
  readonly errors?: readonly ErrorCode[];
}
export interface StaffRoute {
  readonly kind: 'staff';
  readonly roles: readonly StaffRole[];
  readonly summary: string;
  readonly query?: ZodType;
  readonly body?: ZodType;
  /** The 200 answer, for /openapi.json. */
  readonly answer?: ZodType;
  /** Media type of the 200 answer; JSON when absent. */
  readonly mediaType?: string;
  readonly errors?: readonly ErrorCode[];
}
export interface OwnerRoute {
  readonly kind: 'owner';
  readonly summary: string;
  readonly query?: ZodType;
  readonly body?: ZodType;
  /** The 200 answer, for /openapi.json. */
  readonly answer?: ZodType;
  readonly errors?: readonly ErrorCode[];
}
export type RouteDeclaration = PricedRoute | FreeRoute | StaffRoute | OwnerRoute;

export const ROUTE_DECLARATION = 'tollbox:route-declaration';
const declare = (declaration: RouteDeclaration): MethodDecorator =>
  applyDecorators(SetMetadata(ROUTE_DECLARATION, Object.freeze(declaration)));

/** The route costs the price of its operation. */
export const Priced = (route: Omit<PricedRoute, 'kind'>): MethodDecorator => declare({ kind: 'priced', ...route });

/** Anyone may call the route without paying. */
export const Free = (route: Omit<FreeRoute, 'kind'>): MethodDecorator => declare({ kind: 'free', ...route });

/** The route needs `Authorization: Bearer <key>` with one of these roles. */
export const Staff = (route: Omit<StaffRoute, 'kind'>): MethodDecorator => declare({ kind: 'staff', ...route });

/** The route is free for the wallet that owns what it shows: it needs SIGN-IN-WITH-X, or a credit token of the wallet. */
export const Owner = (route: Omit<OwnerRoute, 'kind'>): MethodDecorator => declare({ kind: 'owner', ...route });

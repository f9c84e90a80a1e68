import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { TollboxError } from '../errors/tollbox-error';
import '../http/fastify-request';
import { ROUTE_DECLARATION, type RouteDeclaration, type StaffRoute } from '../routes/access.decorators';
import { OwnerAccess } from './owner-access';
import { RefusalLog } from './refusal-log';
import { bearerToken } from './staff-key-token';
import { StaffKeys, type KeyRefusal } from './staff-keys';

/**
 * Stands before every route. A free route passes; a priced one never comes here when its payment was taken; a staff route needs a key with one
 * of its roles; an owner route needs to know the wallet; a route that declares nothing is refused, so that a forgotten decorator opens nothing.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly keys: StaffKeys,
    private readonly refusals: RefusalLog,
    private readonly owners: OwnerAccess,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const declaration = this.reflector.get<RouteDeclaration | undefined>(ROUTE_DECLARATION, context.getHandler());
    if (declaration === undefined) {
      const name = `${context.getClass().name}.${context.getHandler().name}`;
      throw new TollboxError('internal', {
        cause: new Error(`the route ${name} declares neither a price, nor that it is free, nor a role, nor an owner`),
      });
    }
    // Whoever takes payments answers priced routes before the framework's pipeline; a call that comes here has not paid.
    if (declaration.kind === 'priced') throw new TollboxError('internal', { cause: new Error('nobody took a payment') });
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (declaration.kind === 'staff') await this.admitStaff(request, declaration);
    if (declaration.kind === 'owner') request.owner = await this.owners.admit(request);
    return true;
  }

  private async admitStaff(request: FastifyRequest, route: StaffRoute): Promise<void> {
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) return this.refuse(request, request.headers.authorization === undefined ? 'missing' : 'unknown');
    const check = await this.keys.check(token);
    if (!check.ok) return this.refuse(request, check.reason, check.keyId);
    const { id: keyId, name, role } = check.key;
    if (!route.roles.includes(role)) {
      await this.note(request, 'role', keyId);
      throw new TollboxError('forbidden', {
        message: `This key has the role ${role}; the route is for ${route.roles.join(' and ')}.`,
        suggestion: `Use a key with the role ${route.roles.join(' or ')}; \`npm run keys -- create --name NAME --role ${route.roles[0] ?? ''}\` makes one.`,
      });
    }
    request.staff = { keyId, name, role };
  }

  /** The answer does not say why a key is refused: only its owner may learn that it was once good, and he can list it. */
  private async refuse(request: FastifyRequest, reason: KeyRefusal | 'missing', keyId?: string): Promise<never> {
    await this.note(request, reason, keyId);
    throw new TollboxError('unauthorized');
  }

  private note(request: FastifyRequest, reason: KeyRefusal | 'missing' | 'role', keyId?: string): Promise<void> {
    return this.refusals.record({
      actorKind: keyId === undefined ? 'anonymous' : 'staff',
      actor: keyId ?? 'unknown',
      action: 'staff.access',
      subjectKind: 'route',
      subject: `${request.method} ${request.routeOptions.url ?? ''}`,
      detail: { reason },
      requestId: request.id,
      ip: request.ip,
    });
  }
}

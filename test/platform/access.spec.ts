import { Controller, Get } from '@nestjs/common';
import type { Pool } from 'pg';
import { FinanceModule } from '@tollbox/finance/finance.module';
import { CurrentStaff, type StaffCaller } from '@tollbox/platform/access/current-staff.decorator';
import { StaffKeys } from '@tollbox/platform/access/staff-keys';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { STAFF_ROLES, Staff, type StaffRole } from '@tollbox/platform/routes/access.decorators';
import { listRoutes, type InventoryRoute } from '@tollbox/platform/routes/route-inventory';
import { startTestApp, type TestApp } from './support/test-app';

const DAY_MS = 86_400_000;

@Controller('forgotten')
class ForgottenController {
  @Get()
  forgot(): string {
    return 'open';
  }

  @Get('who')
  @Staff({ roles: ['auditor'], summary: 'names the key' })
  who(@CurrentStaff() staff: StaffCaller): StaffCaller {
    return staff;
  }
}

describe('access to staff routes', () => {
  let test: TestApp;
  let keys: StaffKeys;
  let pool: Pool;
  let staffRoutes: InventoryRoute[];

  beforeAll(async () => {
    test = await startTestApp({ imports: [FinanceModule], controllers: [ForgottenController] });
    keys = test.app.get(StaffKeys);
    pool = test.app.get<Pool>(PG_POOL);
    staffRoutes = listRoutes(test.app).filter(({ declaration }) => declaration?.kind === 'staff');
  });
  afterAll(() => test.close());

  const call = (route: InventoryRoute, authorization?: string, remoteAddress = '127.0.0.1') =>
    test.app.inject({
      method: route.method as 'GET',
      url: route.path.replace(/:[a-z]+/gi, '36457d43-0a6d-4615-8c64-2ece148a3fb4'),
      remoteAddress,
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    });
  const refusals = async () =>
    (
      await pool.query<{ actor: string; detail: Record<string, unknown>; ip: string }>(
        "SELECT actor, detail, ip FROM audit_log WHERE action = 'staff.access' ORDER BY id",
      )
    ).rows;

  it('covers the routes that this spec means to cover', () => {
    const named = staffRoutes.map(({ method, path }) => `${method} ${path}`);
    expect(named).toEqual(
      expect.arrayContaining(['POST /admin/drain', 'POST /admin/undrain', 'GET /finance/payments', 'GET /finance/payments/:id']),
    );
  });

  it('is refused on every route without a key, and with anything that is not a good key', async () => {
    const good = await test.key('operator');
    const expired = await keys.create({ name: 'expired', role: 'operator', lifetimeMs: 60_000, by: 'spec' });
    const revoked = await keys.create({ name: 'revoked', role: 'operator', lifetimeMs: DAY_MS, by: 'spec' });
    expect(await keys.revoke(revoked.key.id, 'spec')).toBe(true);
    test.clock.advance(60_000);
    const headers = [
      undefined,
      '',
      'Bearer',
      good.token,
      `Basic ${good.token}`,
      `Bearer tb_${'A'.repeat(43)}`,
      `Bearer ${good.token}x`,
      `Bearer ${good.token.slice(0, -1)}`,
      `Bearer ${expired.token}`,
      `Bearer ${revoked.token}`,
    ];
    for (const route of staffRoutes) {
      for (const header of headers) {
        const answer = await call(route, header);
        expect([route.path, header, answer.statusCode]).toEqual([route.path, header, 401]);
        expect(answer.json()).toMatchObject({ code: 'unauthorized', charged: false });
        expect(answer.headers).toMatchObject({ 'www-authenticate': 'Bearer realm="tollbox"', 'cache-control': 'no-store' });
      }
    }
  });

  it('is refused to every role that a route does not name, and granted to every role it names', async () => {
    const tokens = new Map<StaffRole, string>();
    for (const role of STAFF_ROLES) tokens.set(role, (await test.key(role)).token);
    for (const route of staffRoutes) {
      const roles = route.declaration?.kind === 'staff' ? route.declaration.roles : [];
      expect(roles.length).toBeGreaterThan(0);
      for (const role of STAFF_ROLES) {
        const { statusCode } = await call(route, `Bearer ${tokens.get(role)!}`);
        if (roles.includes(role)) expect([route.path, role, [401, 403].includes(statusCode)]).toEqual([route.path, role, false]);
        else expect([route.path, role, statusCode]).toEqual([route.path, role, 403]);
      }
    }
  });

  it('ends in the moment a key is revoked, and cannot be taken back', async () => {
    const { token, id } = await test.key('auditor');
    const route = staffRoutes.find(({ path }) => path === '/finance/payments')!;
    expect((await call(route, `Bearer ${token}`)).statusCode).toBe(200);
    expect(await keys.revoke(id, 'spec')).toBe(true);
    expect((await call(route, `Bearer ${token}`)).statusCode).toBe(401);
    expect(await keys.revoke(id, 'spec')).toBe(false);
  });

  it('is refused by a route that declares nothing, for everybody', async () => {
    const { token } = await test.key('operator');
    for (const headers of [{}, { authorization: `Bearer ${token}` }]) {
      const answer = await test.app.inject({ url: '/forgotten', headers });
      expect([answer.statusCode, answer.body.includes('open')]).toEqual([500, false]);
    }
    expect(listRoutes(test.app).filter(({ declaration }) => declaration === undefined)).toMatchObject([
      { method: 'GET', path: '/forgotten', handler: 'ForgottenController.forgot' },
    ]);
  });

  it('tells the handler which key calls', async () => {
    const { token, id } = await test.key('auditor');
    const answer = await test.app.inject({ url: '/forgotten/who', headers: { authorization: `Bearer ${token}` } });
    expect(answer.json()).toEqual({
      keyId: id,
      name: 'spec auditor',
      role: 'auditor',
      requestId: answer.headers['x-request-id'],
      ip: '127.0.0.1',
    });
  });

  it('stores no key, only its hash, and notes its use to the minute', async () => {
    const { token, id } = await test.key('auditor');
    const row = async () =>
      (
        await pool.query<{ text: string; used: Date | null }>(
          'SELECT k::text AS text, last_used_at AS used FROM api_keys k WHERE id = $1',
          [id],
        )
      ).rows[0]!;
    expect((await row()).used).toBeNull();
    const use = async () => {
      await test.app.inject({ url: '/forgotten/who', headers: { authorization: `Bearer ${token}` } });
      return (await row()).used?.getTime();
    };
    const first = test.clock.nowMs();
    expect(await use()).toBe(first);
    test.clock.advance(59_999);
    expect(await use()).toBe(first);
    test.clock.advance(1);
    expect(await use()).toBe(first + 60_000);
    expect((await row()).text).not.toContain(token.slice(3));
  });

  it('records refusals, one a minute of a client and a kind, with the number held back', async () => {
    const route = staffRoutes.find(({ path }) => path === '/admin/drain')!;
    const before = (await refusals()).length;
    for (let n = 0; n < 5; n++) await call(route, undefined, '203.0.113.50');
    test.clock.advance(60_000);
    await call(route, undefined, '203.0.113.50');
    expect((await refusals()).slice(before)).toEqual([
      { actor: 'unknown', ip: '203.0.113.50', detail: { reason: 'missing', heldBackBefore: 0 } },
      { actor: 'unknown', ip: '203.0.113.50', detail: { reason: 'missing', heldBackBefore: 4 } },
    ]);
  });
});

import { randomUUID } from 'node:crypto';
import { StaffKeys } from '@tollbox/platform/access/staff-keys';
import { STAFF_ROLES, type StaffRole } from '@tollbox/platform/routes/access.decorators';
import { listRoutes, type InventoryRoute } from '@tollbox/platform/routes/route-inventory';
import { startGatewayInProcess, type TestGateway } from './support/gateway';

const DAY_MS = 86_400_000;

describe('the composed gateway', () => {
  let gateway: TestGateway;
  let routes: InventoryRoute[];
  beforeAll(async () => {
    gateway = await startGatewayInProcess();
    routes = listRoutes(gateway.app);
  });
  afterAll(() => gateway.close());

  const call = (route: InventoryRoute, headers: Record<string, string> = {}) =>
    gateway.app.inject({ method: route.method as 'GET', url: route.path.replace(/:[a-z]+/gi, randomUUID()), headers });
  const keyOf = async (role: StaffRole) =>
    gateway.app.get(StaffKeys).create({ name: role, role, lifetimeMs: DAY_MS, by: 'spec' });

  it('sells these operations', () => {
    const priced = routes.flatMap(({ method, path, declaration }) =>
      declaration?.kind === 'priced' ? [`${method} ${path} ${declaration.operation}`] : [],
    );
    expect(priced).toEqual([
      'POST /api/v1/modal/sandbox/create sandbox.create',
      'POST /api/v1/modal/sandbox/exec sandbox.exec',
      'POST /api/v1/modal/sandbox/status sandbox.status',
      'POST /api/v1/modal/sandbox/terminate sandbox.terminate',
      'POST /v1/credits credits.topup',
      'POST /v1/run sandbox.run',
      'POST /v1/sandboxes sandboxes.create',
      'DELETE /v1/sandboxes/:sandbox_id sandboxes.delete',
      'POST /v1/sandboxes/:sandbox_id/exec sandboxes.exec',
      'DELETE /v1/sandboxes/:sandbox_id/files files.remove',
      'GET /v1/sandboxes/:sandbox_id/files files.read',
      'PUT /v1/sandboxes/:sandbox_id/files files.write',
      'POST /v1/sandboxes/:sandbox_id/files/mkdir files.mkdir',
      'POST /v1/sandboxes/:sandbox_id/files/move files.move',
      'GET /v1/sandboxes/:sandbox_id/files/tar files.download',
      'PUT /v1/sandboxes/:sandbox_id/files/tar files.upload',
      'POST /v1/sandboxes/:sandbox_id/interpreter sandboxes.cell',
      'POST /v1/sandboxes/:sandbox_id/snapshot sandbox.snapshot',
      'PATCH /v1/sandboxes/:sandbox_id/tags sandboxes.tags',
      'POST /v1/sandboxes/:sandbox_id/tunnels sandbox.tunnel',
    ]);
  });

  it('opens no route under /admin or /finance without a role, and no other route with one', () => {
    for (const { path, declaration } of routes) {
      expect([path, declaration?.kind === 'staff']).toEqual([path, /^\/(admin|finance)\//.test(path)]);
    }
  });

  it('refuses every staff route to nobody, to a stranger, to a revoked key and to every other role', async () => {
    const staffRoutes = routes.filter(({ declaration }) => declaration?.kind === 'staff');
    expect(staffRoutes.length).toBeGreaterThanOrEqual(7);
    const revoked = await keyOf('operator');
    await gateway.app.get(StaffKeys).revoke(revoked.key.id, 'spec');
    const tokens = new Map<StaffRole, string>();
    for (const role of STAFF_ROLES) tokens.set(role, (await keyOf(role)).token);
    for (const route of staffRoutes) {
      const roles = route.declaration?.kind === 'staff' ? route.declaration.roles : [];
      const bad = [undefined, 'Bearer x', `Bearer tb_${'A'.repeat(43)}`, `Bearer ${revoked.token}`];
      for (const authorization of bad) {
        const { statusCode } = await call(route, authorization === undefined ? {} : { authorization });
        expect([route.path, authorization, statusCode]).toEqual([route.path, authorization, 401]);
      }
      for (const [role, token] of tokens) {
        const { statusCode } = await call(route, { authorization: `Bearer ${token}` });
        const expected = roles.includes(role) ? expect.not.stringMatching(/^40[13]$/) : '403';
        expect([route.path, role, String(statusCode)]).toEqual([route.path, role, expected]);
      }
    }
  });

  it('asks for no key where it asks for money, and for none of both where it is free', async () => {
    for (const route of routes.filter(({ declaration }) => declaration?.kind === 'free')) {
      expect([route.path, (await call(route)).statusCode]).toEqual([route.path, route.path.includes(':') ? 404 : 200]);
    }
    const create = routes.find(({ path }) => path.endsWith('/create'))!;
    expect((await call(create)).statusCode).toBe(402);
  });

  it('is ready, and shows its isolation', async () => {
    const answer = await gateway.app.inject({ url: '/health/ready' });
    expect(answer.json()).toMatchObject({
      status: 'ready',
      draining: false,
      checks: {
        database: { status: 'ok' },
        chain: { status: 'ok', chainId: 84532 },
        provider: { status: 'ok', isolation: expect.any(String) },
      },
    });
  });

  it('is drained and undrained by an operator, and stays ready', async () => {
    const { token } = await keyOf('operator');
    const drain = (url: string) => gateway.app.inject({ method: 'POST', url, headers: { authorization: `Bearer ${token}` } });
    expect((await drain('/admin/drain')).json()).toMatchObject({ draining: true, drained_by: 'operator' });
    expect((await gateway.app.inject({ url: '/health' })).statusCode).toBe(200);
    expect((await drain('/admin/undrain')).json()).toMatchObject({ draining: false });
  });

  it('shows the payments of a sandbox to operators', async () => {
    const { token } = await keyOf('operator');
    const headers = { authorization: `Bearer ${token}` };
    const pool = gateway.pool;
    const operationId = randomUUID();
    await pool.query(
      `INSERT INTO sandboxes (id, owner, state, operation_id, provider, isolation, network_policy, image, cpu_millis, memory_mib, lifetime_ms, deadline_at)
       VALUES ('sb-admin', '0xa', 'running', $1, 'modal', 'gvisor', 'none', 'python:3.11', 1000, 512, 300000, now())`,
      [operationId],
    );
    await pool.query(
      "INSERT INTO operations (id, name, sandbox_id, state) VALUES ($1, 'sandbox.create', 'sb-admin', 'started')",
      [operationId],
    );
    await pool.query(
      `INSERT INTO payments (id, network, asset, payer, nonce, state, operation, operation_id, x402_version, pay_to, amount_atomic, price_atomic,
         valid_after, valid_before, signature, payer_kind, fingerprint, method, path, body_sha256, settlement_mode, lease_holder,
         lease_expires_at, claimed_at_block)
       VALUES ($1, 'eip155:84532', '0xa', '0xa', '0x1', 'claimed', 'sandbox.create', $2, 2, '0xb', 10000, 10000, 0, 9999999999, '0x', 'eoa', 'f',
         'POST', '/p', 'b', 'confirm', 'spec', now() + interval '1 hour', 1)`,
      [randomUUID(), operationId],
    );
    const answer = await gateway.app.inject({ url: '/admin/sandboxes/sb-admin', headers });
    expect(answer.statusCode).toBe(200);
    const { payments } = answer.json<{ payments: Record<string, unknown>[] }>();
    expect(payments).toHaveLength(1);
    expect(JSON.stringify(payments)).toContain(operationId);
  });
});

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Post } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { StaffKeys } from '@tollbox/platform/access/staff-keys';
import { loadConfig, type Config } from '@tollbox/platform/config/config';
import { createFastifyAdapter } from '@tollbox/platform/http/fastify-adapter';
import { Free, Priced, Staff, STAFF_ROLES, type StaffRole } from '@tollbox/platform/routes/access.decorators';
import { listRoutes, type InventoryRoute } from '@tollbox/platform/routes/route-inventory';
import { GatewayModule } from '../../apps/gateway/src/app.module';
import { startGateway } from '../../apps/gateway/src/main';
import { flaggedRoutes } from '../support/e2e/route-walk';
import { PAY_TO } from '../support/e2e/stack';
import { expectRefusal, expectTerms, type AnyAnswer, type SoldCall } from '../support/e2e/wire-shapes';
import { testChain, testDatabase, testEngine, type TestDatabase } from '../support/stack';
import type { Chain } from '@tollbox/devstack/chain';

const DAY_MS = 86_400_000;

/** A body that each operation accepts. An operation that is not here has no example, and its route fails. */
const EXAMPLE_BODY: Readonly<Record<string, unknown>> = {
  'sandbox.create': {},
  'sandbox.exec': { sandbox_id: 'sb-0000000000000000000000', command: ['true'] },
  'sandbox.status': { sandbox_id: 'sb-0000000000000000000000' },
  'sandbox.terminate': { sandbox_id: 'sb-0000000000000000000000' },
  'sandbox.snapshot': {},
  'sandbox.run': { code: 'print(1)' },
  'sandbox.tunnel': { port: 8080, public: true },
  'files.read': undefined,
  'files.download': undefined,
  'files.write': 'content',
  'files.upload': 'content',
  'files.remove': {},
  'files.mkdir': { path: '/a' },
  'files.move': { from: '/a', to: '/b' },
  'sandboxes.create': {},
  'sandboxes.exec': { command: ['true'] },
  'sandboxes.delete': {},
  'sandboxes.cell': { code: '1' },
  'sandboxes.tags': { tags: { a: 'b' } },
  'credits.topup': { amount: '10000', token_sha256: '0'.repeat(64) },
};
/** What stands for a path's parameters where a free route must answer 200. */
const EXAMPLE_PATH: Readonly<Record<string, string>> = { '/docs/assets/:file': '/docs/assets/start.js' };

const queryOf = ({ declaration }: InventoryRoute): string =>
  declaration?.kind === 'priced' && declaration.query?.includes('path') === true ? '?path=/a' : '';
const urlOf = (route: InventoryRoute): string =>
  EXAMPLE_PATH[route.path] ?? route.path.replace(/:[a-z_]+/gi, randomUUID()) + queryOf(route);
/** What announces a body that is streamed. */
const ANNOUNCEMENT: Readonly<Record<string, Record<string, string>>> = Object.fromEntries(
  Object.entries({ 'files.write': 'application/octet-stream', 'files.upload': 'application/x-tar' }).map(([operation, type]) => [
    operation,
    { 'content-type': type, 'content-digest': `sha-256=:${'A'.repeat(43)}=:` },
  ]),
);
/** The BlockRun call that costs the same. */
function pricedLike(operation: string): SoldCall {
  if (operation.startsWith('files.') || ['sandboxes.tags', 'sandboxes.cell'].includes(operation)) return 'exec';
  if (operation === 'sandboxes.delete') return 'terminate';
  return operation.split('.')[1] as SoldCall;
}

@Controller('forgotten')
class ForgottenController {
  @Get('free')
  forgot(): string {
    return 'let in';
  }

  @Post('paid')
  forgotToo(): string {
    return 'let in';
  }

  @Get('nobody')
  @Staff({ roles: [], summary: 'is for nobody' })
  nobody(): string {
    return 'let in';
  }

  @Post('unsold')
  @Priced({ operation: 'sandbox.dream', summary: 'sells what nobody makes' })
  unsold(): string {
    return 'let in';
  }

  @Get('well')
  @Free({ summary: 'is declared' })
  well(): string {
    return 'let in';
  }
}

describe('every route of the running gateway', () => {
  let database: TestDatabase;
  let chain: Chain;
  let config: Config;
  let app: NestFastifyApplication;
  let url: string;
  let routes: InventoryRoute[];

  beforeAll(async () => {
    [database, chain] = await Promise.all([testDatabase(), testChain()]);
    const { dockerHost, imageReferences } = testEngine();
    config = loadConfig({
      DATABASE_URL: database.url,
      RPC_URL: chain.rpcUrl,
      PAY_TO,
      PORT: '0',
      LOG_LEVEL: 'silent',
      DOCKER_HOST: dockerHost,
      SANDBOX_IMAGE_REFERENCES: imageReferences,
    });
    ({ app, url } = await startGateway(config));
    routes = listRoutes(app);
  });
  afterAll(async () => {
    await app.close();
    await chain.stop();
    await database.drop();
  });

  async function call(route: InventoryRoute, headers: Record<string, string> = {}, body?: unknown): Promise<AnyAnswer> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(url + urlOf(route), { method: route.method, headers: { ...type, ...headers }, ...sent });
    return {
      status: response.status,
      text: await response.text(),
      header: (name) => response.headers.get(name) ?? undefined,
    };
  }
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  const key = async (role: StaffRole, lifetimeMs = DAY_MS) =>
    app.get(StaffKeys).create({ name: `spec ${role}`, role, lifetimeMs, by: 'spec' });
  const ofKind = (kind: 'priced' | 'free' | 'staff' | 'owner'): InventoryRoute[] =>
    routes.filter(({ declaration }) => declaration?.kind === kind);

  it('states its price, that it is free, or its roles; and there is no other', () => {
    expect(flaggedRoutes(app)).toEqual([]);
    expect(routes.length).toBeGreaterThanOrEqual(17);
    const priced = ofKind('priced').map(({ path }) => path);
    expect(priced.sort()).toEqual([
      ...['create', 'exec', 'status', 'terminate'].map((name) => `/api/v1/modal/sandbox/${name}`),
      '/v1/credits',
      '/v1/run',
      '/v1/sandboxes',
      '/v1/sandboxes/:sandbox_id',
      '/v1/sandboxes/:sandbox_id/exec',
      ...['', '', '', '/mkdir', '/move', '/tar', '/tar'].map((path) => `/v1/sandboxes/:sandbox_id/files${path}`),
      '/v1/sandboxes/:sandbox_id/interpreter',
      '/v1/sandboxes/:sandbox_id/snapshot',
      '/v1/sandboxes/:sandbox_id/tags',
      '/v1/sandboxes/:sandbox_id/tunnels',
    ]);
  });

  it('that is priced asks an unpaid call for payment, and a staff key does not pay', async () => {
    const { token } = await key('operator');
    for (const route of ofKind('priced')) {
      const operation = route.declaration?.kind === 'priced' ? route.declaration.operation : '';
      expect(Object.keys(EXAMPLE_BODY)).toContain(operation);
      for (const headers of [{}, bearer(token)]) {
        const answer = await call(route, { ...ANNOUNCEMENT[operation], ...headers }, EXAMPLE_BODY[operation]);
        expectRefusal(answer, { status: 402, code: 'payment_required' });
        const { v1 } = expectTerms(answer, pricedLike(operation));
        const path = route.path.replace(/:[a-z_]+/gi, '[0-9a-f-]{36}') + queryOf(route).replace('?', '\\?');
        expect(v1.accepts[0]!.resource).toMatch(new RegExp(`^${url}${path}$`));
      }
    }
  });

  it('that is free answers anybody, whatever he sends along', async () => {
    const headers = [{}, bearer('nonsense'), { 'X-PAYMENT': 'nonsense', 'PAYMENT-SIGNATURE': 'nonsense' }];
    for (const route of ofKind('free')) {
      for (const sent of headers) {
        const answer = await call(route, sent);
        expect([route.path, answer.status, answer.text.length > 0]).toEqual([route.path, 200, true]);
      }
    }
  });

  it('that is for staff refuses nobody, strangers, dead keys and payments with 401', async () => {
    const { token } = await key('operator');
    const expired = await key('operator', 1);
    const revoked = await key('operator');
    await app.get(StaffKeys).revoke(revoked.key.id, 'spec');
    await sleep(5); // past the expiry
    const refused: Record<string, string>[] = [
      {},
      { authorization: '' },
      { authorization: token },
      { authorization: `Basic ${Buffer.from(`admin:${token}`).toString('base64')}` },
      { 'x-api-key': token },
      bearer(''),
      bearer('nonsense'),
      bearer(`tb_${'A'.repeat(43)}`),
      bearer(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`),
      bearer(`${token}, Bearer ${token}`),
      bearer(expired.token),
      bearer(revoked.token),
      { 'X-PAYMENT': 'nonsense' },
    ];
    expect(ofKind('staff').length).toBeGreaterThanOrEqual(7);
    for (const route of ofKind('staff')) {
      for (const headers of refused) {
        const answer = await call(route, headers);
        expectRefusal(answer, { status: 401, code: 'unauthorized' });
        expect(answer.header('www-authenticate')).toBe('Bearer realm="tollbox"');
        expect(answer.header('payment-required')).toBeUndefined();
      }
      const inQuery = await fetch(`${url}${urlOf(route)}?token=${token}&access_token=${token}`, { method: route.method });
      expect(inQuery.status).toBe(401);
      if (route.method === 'GET') expect((await fetch(url + urlOf(route), { method: 'HEAD' })).status).toBe(401);
    }
  });

  it('that is for owners asks everybody to sign in, staff too', async () => {
    const { token } = await key('operator');
    expect(ofKind('owner').length).toBeGreaterThanOrEqual(1);
    for (const route of ofKind('owner')) {
      for (const headers of [{}, bearer(token), bearer(`tbc_${'A'.repeat(43)}`), { 'SIGN-IN-WITH-X': 'nonsense' }])
        expectRefusal(await call(route, headers), { status: 401, code: 'sign_in_required' });
    }
  });

  it('that is for staff refuses every other role with 403 and admits its own', async () => {
    const tokens = new Map<StaffRole, string>();
    for (const role of STAFF_ROLES) tokens.set(role, (await key(role)).token);
    const admitted = new Map<string, number>();
    for (const route of ofKind('staff')) {
      const roles = route.declaration?.kind === 'staff' ? route.declaration.roles : [];
      for (const [role, token] of tokens) {
        const answer = await call(route, bearer(token));
        if (roles.includes(role)) admitted.set(`${role} ${route.method} ${route.path}`, answer.status);
        else {
          const { message, suggestion } = expectRefusal(answer, { status: 403, code: 'forbidden' });
          expect([message, suggestion]).toEqual([expect.stringContaining(role), expect.stringContaining(roles[0]!)]);
        }
      }
    }
    expect(Object.fromEntries(admitted)).toEqual({
      'operator GET /admin/sandboxes': 200,
      'auditor GET /admin/sandboxes': 200,
      'operator GET /admin/sandboxes/:id': 404,
      'auditor GET /admin/sandboxes/:id': 404,
      'operator POST /admin/sandboxes/:id/terminate': 404,
      'operator POST /admin/drain': 200,
      'operator POST /admin/undrain': 200,
      'operator GET /admin/settlement': 200,
      'finance GET /admin/settlement': 200,
      'auditor GET /admin/settlement': 200,
      'operator POST /admin/settlement/pause': 200,
      'operator POST /admin/settlement/resume': 200,
      'finance GET /finance/payments': 200,
      'auditor GET /finance/payments': 200,
      'finance GET /finance/payments/:id': 404,
      'auditor GET /finance/payments/:id': 404,
      'finance POST /finance/debts/:id/write-off': 400,
      'finance POST /finance/periods/close': 400,
      'finance POST /finance/periods/supersede': 400,
      'finance GET /finance/exports/:file': 404,
      'auditor GET /finance/exports/:file': 404,
      'finance POST /finance/reconciliation/runs': 202,
      'finance POST /finance/reconciliation/items/:id/resolve': 400,
      'finance POST /finance/refunds': 400,
      'finance POST /finance/refunds/:id/approve': 404,
      'finance POST /finance/refunds/:id/reject': 400,
      ...Object.fromEntries(
        [
          'accounts',
          'ageing',
          'credits',
          'debts',
          'entries',
          'margin/operations',
          'margin/sandboxes',
          'periods',
          'periods/verify',
          'price-lists',
          'revenue',
          'trial-balance',
        ].flatMap((report) => [
          [`finance GET /finance/${report}`, 200],
          [`auditor GET /finance/${report}`, 200],
        ]),
      ),
      ...Object.fromEntries(
        ['reconciliation/items', 'reconciliation/runs', 'refunds'].flatMap((list) => [
          [`finance GET /finance/${list}`, 200],
          [`auditor GET /finance/${list}`, 200],
          [`finance GET /finance/${list}/:id`, 404],
          [`auditor GET /finance/${list}/:id`, 404],
        ]),
      ),
    });
  });

  it('is flagged, and lets nobody in, when it states nothing or nonsense', async () => {
    const module = await Test.createTestingModule({
      imports: [GatewayModule.forRoot(config)],
      controllers: [ForgottenController],
    }).compile();
    const broken = module.createNestApplication<NestFastifyApplication>(createFastifyAdapter(config));
    broken.useLogger(false);
    try {
      const server = broken.getHttpAdapter().getInstance();
      server.get('/beside', () => 'let in');
      await broken.init();
      await server.ready();
      expect(flaggedRoutes(broken)).toEqual([
        'GET /beside is served by no controller',
        'GET /forgotten/free (ForgottenController.forgot) states nothing',
        'GET /forgotten/nobody is for no role',
        'HEAD /beside is served by no controller',
        'POST /forgotten/paid (ForgottenController.forgotToo) states nothing',
        'POST /forgotten/unsold sells sandbox.dream, which nobody registered',
      ]);

      const { token } = await key('operator');
      const statusOf = async (method: 'GET' | 'POST', path: string, headers: Record<string, string>) => {
        const answer = await broken.inject({ method, url: `/forgotten/${path}`, headers });
        return [answer.statusCode, answer.body.includes('let in')];
      };
      for (const headers of [{}, bearer(token)]) {
        expect(await statusOf('GET', 'free', headers)).toEqual([500, false]);
        expect(await statusOf('POST', 'paid', headers)).toEqual([500, false]);
        expect(await statusOf('POST', 'unsold', headers)).toEqual([500, false]);
      }
      expect(await statusOf('GET', 'nobody', {})).toEqual([401, false]);
      expect(await statusOf('GET', 'nobody', bearer(token))).toEqual([403, false]);
      expect(await statusOf('GET', 'well', {})).toEqual([200, true]);
    } finally {
      await broken.close();
    }
  });
});

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { z } from 'zod';
import type { Chain } from '@tollbox/devstack/chain';
import { withClient } from '@tollbox/devstack/database';
import { loadConfig } from '@tollbox/platform/config/config';
import { ERRORS } from '@tollbox/platform/errors/registry';
import { listRoutes } from '@tollbox/platform/routes/route-inventory';
import { startGateway } from '../../apps/gateway/src/main';
import { openApiProblems, resolve } from '../support/e2e/openapi-check';
import { eventually, PAY_TO, Stack, type Answer } from '../support/e2e/stack';
import { fromBase64Json } from '../support/e2e/wire-shapes';
import { testChain, testDatabase, testDatabaseUrl, testEngine, type TestDatabase } from '../support/stack';

const CALLS = ['create', 'exec', 'status', 'terminate'] as const;
const PRICES_ATOMIC = { create: '20000', exec: '1500', status: '1001', terminate: '999999' } as const;
const PRICES_USD = { create: '0.02', exec: '0.0015', status: '0.001001', terminate: '0.999999' } as const;
const bodyOf = (call: (typeof CALLS)[number]): unknown => {
  if (call === 'create') return {};
  return { sandbox_id: 'sb-0000000000000000000000', ...(call === 'exec' ? { command: ['true'] } : {}) };
};

type Schema = Record<string, unknown> & { type?: string; required?: string[] };
type Content = Record<string, { schema: Schema }>;
interface Operation {
  operationId: string;
  parameters: unknown[];
  security: Record<string, string[]>[];
  requestBody: { content: Content };
  responses: Record<string, { description?: string; headers: Record<string, unknown>; content: Content }>;
  'x-price-atomic'?: string;
}
interface OpenApi {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: { Error?: { properties: { code: { enum: string[] } } } } };
}
interface Discovery {
  resources: string[];
  items: { resource: string; method: string; accepts: [{ amount: string }] }[];
}

const JSON_TYPE = 'application/json';
const sandbox = (call: string): string => `/api/v1/modal/sandbox/${call}`;
const postOf = (document: OpenApi, call: string): Operation => document.paths[sandbox(call)]!['post']!;
const bodySchema = (document: OpenApi, call: string): Schema => postOf(document, call).requestBody.content[JSON_TYPE]!.schema;
const answerSchema = (operation: Operation, status: number): Schema =>
  operation.responses[String(status)]!.content[JSON_TYPE]!.schema;

describe('what a running gateway says about itself', () => {
  let database: TestDatabase;
  let chain: Chain;
  let app: NestFastifyApplication;
  let url: string;
  let document: OpenApi;

  beforeAll(async () => {
    [database, chain] = await Promise.all([testDatabase(), testChain()]);
    const { dockerHost, imageReferences } = testEngine();
    const prices = Object.fromEntries(CALLS.map((call) => [`PRICE_${call.toUpperCase()}_ATOMIC`, PRICES_ATOMIC[call]]));
    const config = loadConfig({
      ...{ DATABASE_URL: database.url, RPC_URL: chain.rpcUrl, PAY_TO, PORT: '0', LOG_LEVEL: 'silent', ...prices },
      ...{ DOCKER_HOST: dockerHost, SANDBOX_IMAGE_REFERENCES: imageReferences },
    });
    ({ app, url } = await startGateway(config));
    document = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi;
  });
  afterAll(async () => {
    await app.close();
    await chain.stop();
    await database.drop();
  });

  const post = (target: string, body: unknown): Promise<Response> =>
    fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  /** Parses by a schema of the document, its references put in place. */
  function parseBy(schema: Schema, value: unknown): void {
    const inline = (_: string, node: unknown): unknown => {
      const reference = typeof node === 'object' && node !== null && '$ref' in node ? node.$ref : undefined;
      return typeof reference === 'string' ? resolve(document, reference) : node;
    };
    z.fromJSONSchema(JSON.parse(JSON.stringify(schema, inline)) as Record<string, unknown>).parse(value);
  }

  it('is OpenAPI 3.1 in structure', () => {
    expect(openApiProblems(document)).toEqual([]);
    expect(document.servers).toEqual([{ url }]);
  });

  it('would be found out if it were not', () => {
    const broken = (change: (copy: OpenApi, exec: Operation) => unknown): string[] => {
      const copy = structuredClone(document);
      change(copy, postOf(copy, 'exec'));
      return openApiProblems(copy);
    };
    const exec = `POST ${sandbox('exec')}`;
    expect(broken((copy) => (copy.openapi = '3.0.3'))).toEqual(['openapi is 3.0.3']);
    expect(broken((copy) => delete copy.components.schemas.Error)).not.toEqual([]);
    expect(broken((_, { responses }) => delete responses['402']!.description)).toEqual([`${exec} 402 has no description`]);
    expect(broken((_, operation) => (operation.security = [{ apiKey: [] }]))).toEqual([
      `${exec} has the unknown security apiKey`,
    ]);
    expect(broken((copy) => (bodySchema(copy, 'exec').type = 'map'))).toHaveLength(1);
    expect(broken((copy) => bodySchema(copy, 'exec').required!.push('stdin'))).toHaveLength(1);
    expect(broken((copy) => (copy.paths['/admin/sandboxes/{id}']!['get']!.parameters = []))).toHaveLength(1);
    expect(broken((copy, operation) => (operation.operationId = copy.paths['/llms.txt']!['get']!.operationId))).toHaveLength(1);
  });

  it('describes every route of the application, and nothing more', () => {
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    expect(described.sort()).toEqual(
      listRoutes(app)
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    );
  });

  it('describes the 402 of every paid route, as it is answered', async () => {
    for (const call of CALLS) {
      const operation = postOf(document, call);
      expect(operation['x-price-atomic']).toBe(PRICES_ATOMIC[call]);
      expect(operation.security).toEqual([{ x402v2: [] }, { x402v1: [] }, { creditToken: [] }]);
      const described = operation.responses['402']!;
      expect(Object.keys(described.headers)).toEqual(['PAYMENT-REQUIRED', 'X-Payment-Required']);
      const answer = await post(url + sandbox(call), bodyOf(call));
      expect(answer.status).toBe(402);
      for (const name of Object.keys(described.headers)) expect(answer.headers.get(name)).toMatch(/^[A-Za-z0-9+/]+=*$/);
      const body = (await answer.json()) as Record<string, unknown>;
      parseBy(answerSchema(operation, 402), body);
      expect(() => parseBy(answerSchema(operation, 402), { ...body, accepts: [{}] })).toThrow();
    }
  });

  it('describes refused bodies and the health as they are answered, and knows every code', async () => {
    const refused = await post(url + sandbox('exec'), { command: 1 });
    parseBy(answerSchema(postOf(document, 'exec'), refused.status), await refused.json());
    const health = await fetch(`${url}/health/ready`);
    parseBy(answerSchema(document.paths['/health/ready']!['get']!, health.status), await health.json());
    const codes = Object.entries(ERRORS).map(([code, { wireCode }]: [string, { wireCode?: string }]) => wireCode ?? code);
    expect(document.components.schemas.Error!.properties.code.enum).toEqual(codes);
  });

  it('accepts by its body schemas what the routes accept, and not what they refuse', async () => {
    const cases = [
      ['create', { timeout: 300, cpu: 0.5, memory: 64, gpu: null, image: 'python:3.11' }, 402],
      ['create', { timeout: 301 }, 400],
      ['create', { timeout: '60' }, 400],
      ['create', { memory: 1.5 }, 400],
      ['exec', { sandbox_id: 'sb-1', command: [] }, 400],
      ['exec', { sandbox_id: 'sb-1', command: ['a'], timeout: 60 }, 402],
      ['status', { sandbox_id: 7 }, 400],
      ['terminate', {}, 400],
    ] as const;
    for (const [call, body, status] of cases) {
      const schema = bodySchema(document, call);
      expect([call, body, (await post(url + sandbox(call), body)).status]).toEqual([call, body, status]);
      if (status === 402) parseBy(schema, body);
      else expect(() => parseBy(schema, body)).toThrow();
    }
  });

  it('has a page to browse that loads nothing from elsewhere', async () => {
    const page = await fetch(`${url}/docs`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self';.*connect-src 'self'/);
    const html = await page.text();
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => new URL(file!, `${url}/docs`));
    expect(files.map(({ pathname }) => pathname)).toEqual(
      expect.arrayContaining(['/docs/assets/swagger-ui.css', '/docs/assets/swagger-ui-bundle.js', '/docs/assets/start.js']),
    );
    for (const file of files) {
      expect(file.origin).toBe(url);
      const asset = await fetch(file);
      expect([file.pathname, asset.status, (await asset.arrayBuffer()).byteLength > 50]).toEqual([file.pathname, 200, true]);
    }
    expect(html).not.toMatch(/<script>|style=|onload=/); // its own policy would block them
    const start = await (await fetch(`${url}/docs/assets/start.js`)).text();
    expect(start).toContain("new URL('openapi.json', new URL('../../', document.currentScript.src))");
  });

  it('tells an agent on one page what there is, what it costs and how to pay', async () => {
    const answer = await fetch(`${url}/llms.txt`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; charset=utf-8']);
    const page = await answer.text();
    for (const call of CALLS) {
      const row = page.split('\n').find((line) => line.startsWith(`| POST /api/v1/modal/sandbox/${call} |`));
      expect(row).toContain(`| $${PRICES_USD[call]} |`);
    }
    for (const word of [
      'PAYMENT-REQUIRED',
      'PAYMENT-SIGNATURE',
      'X-PAYMENT',
      'accepts[0]',
      'EIP-3009',
      PAY_TO,
      'eip155:84532',
      'Retry-After',
    ])
      expect(page).toContain(word);
    // What it tells an agent to do first is done here, to the letter.
    const [, target, body] = /curl -i -X POST (\S+) -H 'content-type: application\/json' -d '([^']*)'/.exec(page)!;
    expect((await post(target!, JSON.parse(body!))).status).toBe(402);
    for (const link of [...page.matchAll(/\]\((\S+)\)/g)].map(([, to]) => to!))
      expect([link, (await fetch(link)).status]).toEqual([link, 200]);
  });

  it('lists every priced resource with the terms that each quotes', async () => {
    const discovery = (await (await fetch(`${url}/.well-known/x402`)).json()) as Discovery;
    expect(discovery).toMatchObject({
      version: 1,
      x402Versions: [1, 2],
      openapi: `${url}/openapi.json`,
      instructions: `${url}/llms.txt`,
    });
    const priced = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.values(operations).flatMap(({ responses }) => ('402' in responses ? [url + path] : [])),
    );
    expect(discovery.resources.slice(0, CALLS.length)).toEqual(CALLS.map((call) => url + sandbox(call)));
    expect(discovery.resources).toEqual([...new Set(priced)]);
    expect(discovery.items.map(({ resource }) => resource)).toEqual(priced);
    for (const [index, call] of CALLS.entries()) {
      const item = discovery.items[index]!;
      expect(item).toMatchObject({ resource: discovery.resources[index], type: 'http', method: 'POST' });
      expect(item.accepts[0].amount).toBe(PRICES_ATOMIC[call]);
      const unpaid = await fetch(item.resource, {
        method: item.method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(bodyOf(call)),
      });
      const quoted = fromBase64Json(unpaid.headers.get('payment-required') ?? '') as {
        accepts: unknown;
        resource: { url: string };
      };
      expect(quoted.accepts).toEqual(item.accepts);
      expect(quoted.resource.url).toBe(item.resource);
    }
  });
});

describe('the health of running processes', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await Stack.start();
  });
  afterAll(async () => {
    await stack.stop();
  });

  const ready = (): Promise<Answer> => stack.get('/health/ready');
  const admin = (sql: string): Promise<unknown> => withClient(testDatabaseUrl('postgres'), (client) => client.query(sql));

  it('is ready, and says how sandboxes are isolated', async () => {
    expect(await ready()).toMatchObject({
      status: 200,
      body: {
        status: 'ready',
        draining: false,
        checks: { database: { status: 'ok' }, chain: { status: 'ok', chainId: 84532 }, provider: { status: 'ok' } },
      },
    });
    expect((await stack.get('/health/live')).body).toEqual({ status: 'live' });
  });

  it('is not ready while its database is gone, lives on, and recovers by itself', async () => {
    const { name } = stack.database;
    const payer = await stack.wallet(1);
    await admin(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    try {
      await admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
      const gone = await eventually('it notices', async () => {
        const answer = await ready();
        return answer.status === 503 && answer;
      });
      expect(gone.body).toMatchObject({
        status: 'not_ready',
        draining: null,
        checks: { database: { status: 'failed' }, chain: { status: 'ok' } },
      });
      expect(gone.text).not.toMatch(/postgres|127\.0\.0\.1|test_|at .*\.js/);
      expect(await stack.get('/health/live')).toMatchObject({ status: 200 });
      // A paid call is refused without a charge and without a word about the database; an unpaid one needs none.
      expect((await stack.post('/api/v1/modal/sandbox/create', {})).status).toBe(402);
      const failed = await stack.paid(payer, 'create', {});
      expect(failed.status).toBeGreaterThanOrEqual(500);
      expect(failed.body).toMatchObject({ error: expect.any(String), message: expect.any(String), retryable: true });
      expect(failed.text).not.toMatch(/postgres|connection|test_/i);
    } finally {
      await admin(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    }
    await eventually('it recovers', async () => (await ready()).status === 200);
    const paid = await stack.paid(payer, 'create', {});
    expect([paid.status, paid.text]).toEqual([200, expect.stringContaining('sandbox_id')]);
    expect(stack.worker?.isRunning).toBe(true);
  });

  it('is not ready once its chain is gone, and takes no payment then', async () => {
    const payer = await stack.wallet(2);
    await stack.chain.stop();
    const gone = await eventually('it notices', async () => {
      const answer = await ready();
      return answer.status === 503 && answer;
    });
    expect(gone.body).toMatchObject({
      status: 'not_ready',
      draining: false,
      checks: { chain: { status: 'failed' }, database: { status: 'ok' } },
    });
    expect(gone.text).not.toMatch(/127\.0\.0\.1|ECONNREFUSED/);
    const refused = await stack.paid(payer, 'create', {});
    expect(refused).toMatchObject({ status: 503, body: { code: 'chain_unavailable', charged: false, retryable: true } });
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect([stack.gateway.isRunning, stack.worker?.isRunning]).toEqual([true, true]);
  });
});

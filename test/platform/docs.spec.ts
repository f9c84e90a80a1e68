import { ERRORS, type ErrorCode } from '@tollbox/platform/errors/registry';
import { listRoutes } from '@tollbox/platform/routes/route-inventory';
import { PAY_TO } from './support/test-app';
import { codesBehind, codesOfLibrary, controllerFile, operationFile } from '../support/platform/thrown-codes';
import { startGatewayInProcess, type TestGateway } from './support/gateway';

interface Operation {
  summary: string;
  security: Record<string, unknown>[];
  parameters: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
  responses: Record<
    string,
    {
      content?: Record<string, { schema: Record<string, unknown>; examples?: Record<string, unknown> }>;
      headers?: Record<string, unknown>;
    }
  >;
  'x-price-atomic'?: string;
}
interface Document {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { examples: Record<string, { value: unknown }>; schemas: { Error: { properties: { code: { enum: string[] } } } } };
}

describe('what the gateway says about itself', () => {
  let gateway: TestGateway;
  let document: Document;
  beforeAll(async () => {
    gateway = await startGatewayInProcess({
      PRICE_EXEC_ATOMIC: '2500',
      SANDBOX_MAX_MEMORY_MIB: '777',
      CREDITS_MAX_TOPUP_ATOMIC: '50000000',
      PUBLIC_URL: 'https://sell.example',
      ALLOW_SHARED_KERNEL: '1',
    });
    document = (await get('/openapi.json')).json<Document>();
  });
  afterAll(() => gateway.close());

  const get = (url: string, headers: Record<string, string> = {}) => gateway.app.inject({ url, headers });
  const operation = (method: string, path: string): Operation => document.paths[path]![method]!;

  it('documents every route of the running gateway, and each states what it asks', () => {
    const routes = listRoutes(gateway.app);
    expect(routes.filter(({ declaration }) => declaration === undefined)).toEqual([]);
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    expect(documented.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
    const served = gateway.app
      .getHttpAdapter()
      .getInstance()
      .routeTable.list()
      .filter(({ method }) => method !== 'HEAD')
      .map(({ method, path }) => `${method} ${path}`);
    expect(served.sort()).toEqual(documented.sort());
  });

  it('is OpenAPI 3.1 whose references all lead somewhere and whose ids are unique', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(document.servers).toEqual([{ url: 'https://sell.example' }]);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference!);
    const examples = Object.entries(ERRORS).map(([code, { wireCode }]) => `#/components/examples/${wireCode ?? code}`);
    expect(['#/components/schemas/Error', ...examples]).toEqual(expect.arrayContaining([...new Set(references)]));
    const ids = [...JSON.stringify(document).matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id!);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const { parameters, responses, summary } of Object.values(methods)) {
        const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
        expect([path, inPath]).toEqual([path, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)]);
        expect(Object.keys(responses).some((status) => status.startsWith('2'))).toBe(true);
        expect(summary).toMatch(/^\S/);
      }
    }
  });

  it('tells what a paid route takes, costs, answers and refuses', () => {
    const exec = operation('post', '/api/v1/modal/sandbox/exec');
    expect(exec['x-price-atomic']).toBe('2500');
    expect(exec.security).toEqual([{ x402v2: [] }, { x402v1: [] }, { creditToken: [] }]);
    expect(operation('post', '/v1/credits').security).toEqual([{ x402v2: [] }, { x402v1: [] }]);
    const body = exec.requestBody!.content['application/json']!.schema;
    expect(body).toMatchObject({
      type: 'object',
      required: ['sandbox_id', 'command'],
      properties: { command: { type: 'array' } },
    });
    expect(exec.responses['200']!.headers).toHaveProperty('PAYMENT-RESPONSE');
    expect(exec.responses['200']!.content!['application/json']!.schema).toMatchObject({ properties: { returncode: {} } });
    expect(exec.responses['402']!.headers).toHaveProperty('PAYMENT-REQUIRED');
    expect(Object.keys(exec.responses)).toEqual(
      expect.arrayContaining(['400', '402', '404', '409', '410', '413', '429', '503', '504']),
    );
  });

  it('tells which key a staff route needs, and its query', () => {
    const payments = operation('get', '/finance/payments');
    expect(payments.security).toEqual([{ staffKey: [] }]);
    expect(payments.parameters.map(({ name }) => name)).toEqual([
      'wallet',
      'state',
      'operation',
      'operation_id',
      'transaction',
      'from',
      'to',
      'limit',
      'cursor',
    ]);
    expect(Object.keys(payments.responses)).toEqual(expect.arrayContaining(['200', '400', '401', '403']));
  });

  it('lists every error code as it is on the wire', () => {
    const { enum: codes } = document.components.schemas.Error.properties.code;
    expect(codes).toHaveLength(Object.keys(ERRORS).length);
    expect(codes).toEqual(expect.arrayContaining(['RATE_LIMITED', 'payment_required', 'execution_lost']));
  });

  describe('of errors', () => {
    const codesOf = (method: string, path: string): string[] =>
      Object.values(operation(method.toLowerCase(), path.replace(/:(\w+)/g, '{$1}')).responses).flatMap(({ content }) =>
        Object.keys(content?.['application/json']?.examples ?? {}),
      );
    const onWire = (codes: Iterable<string>): string[] => [...codes].map((code) => ERRORS[code as ErrorCode].wireCode ?? code);

    it('names on the routes of each controller every code that it, and what it calls, makes, and no other', () => {
      const guarded = listRoutes(gateway.app).filter(({ declaration }) => ['staff', 'owner'].includes(declaration?.kind ?? ''));
      for (const controller of new Set(guarded.map(({ handler }) => handler.split('.')[0]!))) {
        const routes = guarded.filter(({ handler }) => handler.startsWith(`${controller}.`));
        const made = codesBehind(controllerFile(controller));
        const documented = routes.flatMap(({ method, path }) => codesOf(method, path));
        const topUps = controller === 'CreditsController' ? codesBehind(operationFile('credits.topup')) : new Set<string>();
        expect([controller, documented]).toEqual([
          controller,
          expect.arrayContaining(onWire(made).filter((code) => !topUps.has(code))),
        ]);
        const declared = routes.flatMap(({ declaration }) => (declaration as { errors?: readonly ErrorCode[] }).errors ?? []);
        const readers: readonly string[] = ['not_found'];
        expect([controller, onWire(made), readers].flat()).toEqual(expect.arrayContaining(onWire(declared)));
      }
    });

    it('names on each priced route what taking the payment and its operation make', () => {
      const paying = onWire(codesOfLibrary('payments', 'show-own-payment'));
      for (const { method, path, declaration } of listRoutes(gateway.app)) {
        if (declaration?.kind !== 'priced') continue;
        const codes = codesOf(method, path);
        expect([path, codes]).toEqual([path, expect.arrayContaining(onWire(codesBehind(operationFile(declaration.operation))))]);
        if (declaration.operation !== 'credits.topup') expect(codes).toEqual(expect.arrayContaining(paying));
      }
    });

    it('shows each code somewhere, with a body', () => {
      const shown = new Set(listRoutes(gateway.app).flatMap(({ method, path }) => codesOf(method, path)));
      expect(onWire(Object.keys(ERRORS)).filter((code) => !shown.has(code))).toEqual(['method_not_allowed']);
      for (const code of shown)
        expect(document.components.examples[code]!.value).toMatchObject({
          code,
          suggestion: expect.stringMatching(/\S/),
          charged: false,
        });
    });
  });

  it('shows of every route what it takes and answers, as its schemas have it', () => {
    const problems = listRoutes(gateway.app).flatMap(({ method, path, declaration, status }) => {
      if (declaration?.kind !== 'staff' && declaration?.kind !== 'owner') return [];
      const { requestBody, responses } = operation(method.toLowerCase(), path.replace(/:(\w+)/g, '{$1}'));
      const answered = responses[String(status)]!.content?.['application/json'] as { example?: unknown } | undefined;
      const asked = requestBody?.content['application/json'] as { example?: unknown } | undefined;
      return (
        [
          [declaration.answer, answered?.example],
          [declaration.body, asked?.example],
        ] as const
      ).flatMap(([schema, example]) => {
        const parsed = schema?.safeParse(example);
        return parsed === undefined || parsed.success ? [] : [`${method} ${path}: ${parsed.error.message}`];
      });
    });
    expect(problems).toEqual([]);
  });

  it('says no secret', () => {
    expect(JSON.stringify(document)).not.toMatch(/127\.0\.0\.1|postgres/);
  });

  it('tells agents the live prices and limits on one page', async () => {
    const answer = await get('/llms.txt');
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.headers['cache-control']).toBe('public, max-age=60');
    for (const text of [
      '# Tollbox',
      '$0.0025',
      '| POST /api/v1/modal/sandbox/create | $0.01 |',
      '| POST /v1/credits | $0.01 to $50.00 |',
      '- /v1/credits: the amount that you ask for, from $0.01 to $50.00; no fee is added.',
      '777 MiB',
      'https://sell.example/api/v1/modal/sandbox/create',
      PAY_TO,
      'eip155:84532',
    ]) {
      expect(answer.body).toContain(text);
    }
    expect(answer.body.length).toBeLessThan(7_500);
    expect(answer.body).not.toMatch(/undefined|NaN|\[object/);
  });

  it('lists the priced resources with the terms that a 402 quotes', async () => {
    const discovery = (await get('/.well-known/x402')).json<{
      version: number;
      resources: string[];
      items: { resource: string; method: string; accepts: Record<string, unknown>[]; price: Record<string, unknown> }[];
    }>();
    expect(discovery.version).toBe(1);
    expect(discovery.resources.sort()).toEqual(
      [
        'api/v1/modal/sandbox/create',
        'api/v1/modal/sandbox/exec',
        'api/v1/modal/sandbox/status',
        'api/v1/modal/sandbox/terminate',
        'v1/credits',
        'v1/run',
        'v1/sandboxes',
        'v1/sandboxes/{sandbox_id}',
        'v1/sandboxes/{sandbox_id}/exec',
        ...['', '/mkdir', '/move', '/tar'].map((path) => `v1/sandboxes/{sandbox_id}/files${path}`),
        'v1/sandboxes/{sandbox_id}/interpreter',
        'v1/sandboxes/{sandbox_id}/snapshot',
        'v1/sandboxes/{sandbox_id}/tags',
        'v1/sandboxes/{sandbox_id}/tunnels',
      ].map((path) => `https://sell.example/${path}`),
    );
    const exec = discovery.items.find(({ resource }) => resource.endsWith('/exec'))!;
    const unpaid = await gateway.app.inject({
      method: 'POST',
      url: '/api/v1/modal/sandbox/exec',
      payload: { sandbox_id: 'sb-0123456789abcdef', command: ['true'] },
    });
    expect(unpaid.statusCode).toBe(402);
    const quoted = JSON.parse(Buffer.from(String(unpaid.headers['payment-required']), 'base64').toString()) as {
      resource: { url: string };
      accepts: Record<string, unknown>[];
    };
    expect(quoted.resource.url).toBe(exec.resource);
    const { maxTimeoutSeconds, ...terms } = exec.accepts[0]!;
    expect(quoted.accepts[0]).toMatchObject(terms);
    expect(terms).toEqual({
      scheme: 'exact',
      network: 'eip155:84532',
      amount: '2500',
      asset: expect.stringMatching(/^0x036cbd/i),
      payTo: expect.stringMatching(new RegExp(PAY_TO, 'i')),
      extra: { name: 'USDC', version: '2' },
    });
    expect(maxTimeoutSeconds).toEqual(expect.any(Number));
    const bounds = Object.fromEntries(discovery.items.map(({ resource, price }) => [resource.split('/').at(-1), price]));
    expect(bounds).toMatchObject({
      exec: { least_atomic: '2500', most_atomic: '2500', text: '$0.0025' },
      credits: { least_atomic: '10000', most_atomic: '50000000' },
    });
  });

  it('serves a documentation page that needs nothing from elsewhere', async () => {
    const page = await get('/docs');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toContain("script-src 'self'");
    const files = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!);
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      expect(file).toMatch(/^\/docs\/assets\//);
      const asset = await get(file);
      expect([file, asset.statusCode, asset.rawPayload.length > 100]).toEqual([file, 200, true]);
      expect(asset.headers['content-type']).toMatch(
        file.endsWith('.css') ? /^text\/css/ : file.endsWith('.js') ? /^text\/javascript/ : /^image\/png/,
      );
    }
    expect(page.body).not.toMatch(/https?:\/\//);
  });

  it.each(['..%2Fpackage.json', 'package.json', 'index.html', '__proto__', '%2e%2e%2f%2e%2e%2fpackage.json'])(
    'serves no other file: %s',
    async (file) => {
      expect((await get(`/docs/assets/${file}`)).statusCode).toBe(404);
    },
  );
});

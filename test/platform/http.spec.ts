import { connect } from 'node:net';
import { Body, Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { parseOrRefuse } from '@tollbox/platform/http/parse-or-refuse';
import { Free } from '@tollbox/platform/routes/access.decorators';
import { startTestApp, type TestApp } from './support/test-app';

const schema = z.object({ sandbox_id: z.string(), command: z.array(z.string()) });

@Controller('probe')
class ProbeController {
  @Post('exec')
  @HttpCode(200)
  @Free({ summary: 'parses a body' })
  exec(@Body() body: unknown): unknown {
    return parseOrRefuse(schema, body);
  }

  @Post('raw')
  @HttpCode(200)
  @Free({ summary: 'tells the bytes it got' })
  raw(@Req() request: FastifyRequest): unknown {
    return { raw: request.rawBody?.toString('base64'), body: request.body };
  }

  @Get('boom')
  @Free({ summary: 'fails' })
  boom(): never {
    throw new Error('password=hunter2 in table secrets');
  }

  @Get('busy')
  @Free({ summary: 'asks to wait' })
  busy(@Req() request: FastifyRequest): never {
    request.charged = 'unknown';
    throw new TollboxError('settlement_pending', {
      retryAfterSeconds: 3,
      headers: { 'x-payment-id': 'p1' },
      body: { extra: 1, error: 'never' },
    });
  }

  @Get('zod')
  @Free({ summary: 'lets a zod error escape' })
  zod(): unknown {
    return schema.parse({});
  }

  @Get('things/:id')
  @Free({ summary: 'answers' })
  thing(): { ok: boolean } {
    return { ok: true };
  }
}

describe('the HTTP server', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startTestApp({ controllers: [ProbeController] }, { BODY_LIMIT_BYTES: '2048' });
  });
  afterAll(() => test.close());

  const post = (
    url: string,
    payload: string | Buffer,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ) => test.app.inject({ method: 'POST', url, payload, headers });

  it('answers a bad body with the issues of every field', async () => {
    const answer = await post('/probe/exec', '{}');
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toEqual({
      error: 'Invalid request body',
      message: expect.any(String),
      code: 'invalid_body',
      suggestion: expect.any(String),
      retryable: false,
      charged: false,
      request_id: answer.headers['x-request-id'],
      details: [
        { code: 'invalid_type', expected: 'string', received: 'undefined', path: ['sandbox_id'], message: 'Required' },
        { code: 'invalid_type', expected: 'array', received: 'undefined', path: ['command'], message: 'Required' },
      ],
    });
  });

  it.each([
    ['{"sandbox_id":', 'The request body is not valid JSON'],
    ['not json', 'The request body is not valid JSON'],
    ['{"__proto__":{"admin":true}}', 'The request body is not valid JSON'],
    ['{"constructor":{"prototype":{"admin":true}}}', 'The request body is not valid JSON'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'The request body is not UTF-8'],
    ['['.repeat(1_000), 'The request body is nested deeper than 32 levels'],
  ])('answers a body that is no JSON with 400 (%#)', async (payload, message) => {
    const answer = await post('/probe/exec', payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({
      error: 'Invalid request body',
      code: 'invalid_body',
      details: [{ code: 'custom', path: [], message }],
    });
  });

  it.each(['null', '[]', '1', '"text"', 'true'])('answers the JSON body %s with an issue at the root', async (payload) => {
    const answer = await post('/probe/exec', payload);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ details: [{ code: 'invalid_type', expected: 'object', path: [] }] });
  });

  it('takes no body, with or without a content type, for the empty object', async () => {
    for (const headers of [{ 'content-type': 'application/json' }, {}] as Record<string, string>[]) {
      const answer = await test.app.inject({ method: 'POST', url: '/probe/raw', headers });
      expect([answer.statusCode, answer.json()]).toEqual([200, { raw: '', body: {} }]);
    }
  });

  it('keeps the exact bytes of the body', async () => {
    const bytes = Buffer.from('{ "b" : 1.0,\n"a":"\\u00fc" }');
    const answer = await post('/probe/raw', bytes, { 'content-type': 'application/json; charset=utf-8' });
    expect(answer.json()).toEqual({ raw: bytes.toString('base64'), body: { b: 1, a: 'ü' } });
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'nonsense'])(
    'refuses the media type %s with 415',
    async (type) => {
      const answer = await post('/probe/exec', '{}', { 'content-type': type });
      expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([415, 'unsupported_media_type']);
    },
  );

  it('refuses a body over the limit with 413', async () => {
    const answer = await post('/probe/exec', JSON.stringify({ sandbox_id: 'x'.repeat(2_048) }));
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([413, 'body_too_large']);
  });

  it('answers an unknown path with 404 and a known path with another method with 405 and Allow', async () => {
    const unknown = await test.app.inject({ url: '/nowhere?x=1' });
    expect([unknown.statusCode, unknown.json<{ code: string }>().code]).toEqual([404, 'not_found']);
    const wrongMethod = await test.app.inject({ method: 'DELETE', url: '/probe/things/7?x=1' });
    expect(wrongMethod.statusCode).toBe(405);
    expect(wrongMethod.headers['allow']).toBe('GET, HEAD, OPTIONS');
    expect(wrongMethod.json()).toMatchObject({ code: 'method_not_allowed', charged: false });
  });

  it('answers a URL that cannot be decoded with 400', async () => {
    const answer = await test.app.inject({ url: '/probe/things/%E0%A4%A' });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, 'invalid_body']);
  });

  it('never shows what an unexpected error says', async () => {
    const answer = await test.app.inject({ url: '/probe/boom' });
    expect(answer.statusCode).toBe(500);
    expect(answer.json()).toMatchObject({ error: 'Internal server error', code: 'internal', charged: false });
    expect(answer.body).not.toMatch(/hunter2|secrets|stack|Error:/);
  });

  it('sends what an error carries, and never lets it replace the common keys', async () => {
    const answer = await test.app.inject({ url: '/probe/busy' });
    expect(answer.statusCode).toBe(503);
    expect(answer.headers).toMatchObject({ 'retry-after': '3', 'x-payment-id': 'p1' });
    expect(answer.json()).toMatchObject({ error: 'Settlement pending', extra: 1, charged: 'unknown', retry_after_seconds: 3 });
  });

  it('answers a zod error that a handler let escape with 400', async () => {
    const answer = await test.app.inject({ url: '/probe/zod' });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, 'invalid_body']);
  });

  it('gives every answer its own request id, whatever the client sends', async () => {
    const ids = await Promise.all(
      ['/probe/things/1', '/nowhere', '/probe/boom'].map(async (url) => {
        const answer = await test.app.inject({ url, headers: { 'x-request-id': 'mine' } });
        return answer.headers['x-request-id'];
      }),
    );
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  });

  it.each(['/probe/things/1', '/nowhere', '/admin/drain'])('marks %s as not to be stored, sniffed or framed', async (url) => {
    const { headers } = await test.app.inject({ url });
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'access-control-allow-origin': '*',
    });
    expect(headers['access-control-expose-headers']).toBe(
      'PAYMENT-REQUIRED, X-Payment-Required, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, X-Payment-Receipt, X-Payment-Id, X-Request-Id, Retry-After',
    );
  });

  it('answers the preflight of a browser', async () => {
    const answer = await test.app.inject({
      method: 'OPTIONS',
      url: '/api/v1/modal/sandbox/create',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'payment-signature',
      },
    });
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
    expect(answer.headers['access-control-allow-methods']).toContain('POST');
    for (const name of ['PAYMENT-SIGNATURE', 'X-PAYMENT', 'Authorization', 'Content-Type', 'Idempotency-Key']) {
      expect(answer.headers['access-control-allow-headers']).toContain(name);
    }
  });

  it('answers what is no HTTP with the common keys and closes', async () => {
    await test.app.listen(0, '127.0.0.1');
    const { port } = test.app.getHttpServer().address() as { port: number };
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('close', () => resolve(text));
      socket.on('error', reject);
    });
    const [head, body] = answer.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(body!)).toMatchObject({ code: 'invalid_body', charged: false });
  });
});

describe('the rate limit', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startTestApp(
      { controllers: [ProbeController] },
      { REQUESTS_PER_MINUTE_PER_IP: '3', TRUSTED_PROXIES: '10.0.0.0/8' },
    );
  });
  afterAll(() => test.close());

  const get = (remoteAddress: string, headers: Record<string, string> = {}, url = '/probe/things/1') =>
    test.app.inject({ url, remoteAddress, headers });
  const statuses = async (
    count: number,
    remoteAddress: string,
    headers?: (n: number) => Record<string, string>,
    url?: string,
  ) => {
    const answers: number[] = [];
    for (let n = 0; n < count; n++) answers.push((await get(remoteAddress, headers?.(n), url)).statusCode);
    return answers;
  };

  it("refuses what is over the limit with BlockRun's keys and a wait that holds", async () => {
    expect(await statuses(3, '203.0.113.1')).toEqual([200, 200, 200]);
    const refused = await get('203.0.113.1');
    expect(refused.statusCode).toBe(429);
    expect(refused.headers['retry-after']).toBe('20');
    expect(refused.json()).toMatchObject({
      error: 'Too many requests',
      code: 'RATE_LIMITED',
      retry_after_seconds: 20,
      charged: false,
    });
    expect(refused.headers).toMatchObject({ 'access-control-allow-origin': '*', 'cache-control': 'no-store' });
    test.clock.advance(20_000);
    expect(await statuses(2, '203.0.113.1')).toEqual([200, 429]);
  });

  it('also counts paths that do not exist', async () => {
    expect(await statuses(4, '203.0.113.2', undefined, '/nowhere')).toEqual([404, 404, 404, 429]);
  });

  it('counts an IPv6 network as one client', async () => {
    expect(await statuses(1, '2001:db8::1')).toEqual([200]);
    expect(await statuses(3, '2001:db8::2')).toEqual([200, 200, 429]);
    expect(await statuses(1, '2001:db8:0:1::1')).toEqual([200]);
  });

  it('believes X-Forwarded-For only from a trusted proxy', async () => {
    const forwarded = (n: number) => ({ 'x-forwarded-for': `198.51.100.${n + 1}` });
    expect(await statuses(4, '203.0.113.3', forwarded)).toEqual([200, 200, 200, 429]);
    expect(await statuses(4, '10.1.2.3', forwarded)).toEqual([200, 200, 200, 200]);
  });
});

import { goodHeader, type BadHeaderContext } from '../support/e2e/bad-headers';
import { parseAnswers, rawRequest, sendBytes, sendRaw, type RawAnswer, type RawRequest } from '../support/e2e/raw-http';
import { Stack } from '../support/e2e/stack';
import { expectRefusal, expectTerms, type AnyAnswer } from '../support/e2e/wire-shapes';

const CREATE = '/api/v1/modal/sandbox/create';
const JSON_TYPE = 'Content-Type: application/json';
const any = (answer: RawAnswer): AnyAnswer => ({
  status: answer.status,
  text: answer.text,
  header: (name) => answer.headers.get(name),
});

/** What reaches the server before any route: request lines, headers and framing, written byte by byte. */
describe('the edge of HTTP', () => {
  let stack: Stack;
  let payment: string;
  beforeAll(async () => {
    stack = await Stack.start({ worker: false });
    const payer = await stack.wallet(1);
    // One good payment on every request: whatever is let through by mistake would claim it.
    const context: BadHeaderContext = { payer, poor: payer, smartWallet: payer.address, canceledNonce: '0x' };
    payment = `PAYMENT-SIGNATURE: ${Object.values(await goodHeader(context, 'create'))[0]!}`;
  });
  afterAll(async () => {
    await stack.stop();
  });

  const send = (request: RawRequest): Promise<RawAnswer> => sendRaw(stack.gateway.url, request);

  it.each(['GET', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'LINK'])(
    'answers %s on a paid path with 405',
    async (method) => {
      const answer = await send({ method, target: CREATE, lines: [JSON_TYPE, payment], body: '{}' });
      expectRefusal(any(answer), { status: 405, code: 'method_not_allowed' });
      expect(answer.headers.get('allow')).toBe('POST, OPTIONS');
    },
  );

  it('answers HEAD on a paid path with 405 and no body', async () => {
    const answer = (
      await sendBytes(stack.gateway.url, rawRequest(stack.gateway.url, { method: 'HEAD', target: CREATE }))
    ).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 405 /);
    expect(answer.endsWith('\r\n\r\n')).toBe(true);
  });

  it.each([
    ['two slashes in front', `/${CREATE}`],
    ['two slashes inside', '/api/v1/modal//sandbox/create'],
    ['upper case', CREATE.toUpperCase()],
    ['a title', '/api/v1/modal/sandbox/Create'],
    ['two slashes at the end', `${CREATE}//`],
    ['an encoded slash', '/api/v1/modal/sandbox%2Fcreate'],
    ['a dot segment', '/api/v1/modal/sandbox/../sandbox/create'],
    ['an encoded dot segment', '/api/v1/modal/sandbox/%2e%2e/sandbox/create'],
    ['a matrix parameter', `${CREATE};v=1`],
    ['a NUL', `${CREATE}%00`],
    ['a line break', `${CREATE}%0d%0aX: y`.replace(' ', '%20')],
    ['a backslash', '/api/v1/modal/sandbox\\create'],
    ['a suffix', `${CREATE}.json`],
    ['a longer path', `${CREATE}/sb-1`],
    ['another version', '/api/v2/modal/sandbox/create'],
    ['no operation', '/api/v1/modal/sandbox/'],
    ['a property of every object', '/api/v1/modal/sandbox/__proto__'],
    ['12,000 characters', `/api/${'a'.repeat(12_000)}`],
  ])('knows no path with %s', async (_name, target) => {
    expectRefusal(any(await send({ target, lines: [JSON_TYPE, payment], body: '{}' })), { status: 404, code: 'not_found' });
  });

  it.each([`${CREATE}%`, `${CREATE}%ff`, '/%E0%A4%A', '/docs/assets/%c0%af'])(
    'answers the broken URL %s with 400',
    async (target) => {
      expectRefusal(any(await send({ target, lines: [JSON_TYPE], body: '{}' })), { status: 400, code: 'invalid_body' });
    },
  );

  it.each([
    ['a slash at the end', `${CREATE}/`, `${CREATE}/`],
    ['a query', `${CREATE}?a=1&a=2&__proto__=3`, `${CREATE}?a=1&a=2&__proto__=3`],
    ['an encoded letter', '/api/v1/modal/sandbox/cre%61te', '/api/v1/modal/sandbox/cre%61te'],
    ['a whole URL of somebody else', `http://evil.example${CREATE}?a=1`, `${CREATE}?a=1`],
  ])('quotes terms for a path with %s, and names it on its own host', async (_name, target, path) => {
    const answer = await send({ target, lines: [JSON_TYPE], body: '{}' });
    expectRefusal(any(answer), { status: 402, code: 'payment_required' });
    expect(expectTerms(any(answer), 'create').v2.resource.url).toBe(`${stack.gateway.url}${path}`);
  });

  it.each<[string, RawRequest]>([
    ['in one chunk', { target: CREATE, lines: [JSON_TYPE, 'Transfer-Encoding: chunked'], body: '2\r\n{}\r\n0\r\n\r\n' }],
    [
      'byte by byte',
      {
        target: CREATE,
        lines: [JSON_TYPE, 'Transfer-Encoding: chunked'],
        body: '1;x=y\r\n{\r\n1\r\n}\r\n0\r\nTrailer: 1\r\n\r\n',
      },
    ],
    ['with no chunk', { target: CREATE, lines: [JSON_TYPE, 'Transfer-Encoding: chunked'], body: '0\r\n\r\n' }],
    ['with a byte order mark', { target: CREATE, lines: [JSON_TYPE], body: '\u{feff}{}' }],
    ['with a charset', { target: CREATE, lines: ['Content-Type: application/json;charset=UTF-8'], body: '{}' }],
    ['with a type in capitals', { target: CREATE, lines: ['CONTENT-TYPE: APPLICATION/JSON'], body: '{}' }],
    ['with a length of zero and no type', { target: CREATE, lines: ['Content-Length: 0'] }],
    ['with no length and no type', { target: CREATE }],
    ['in HTTP/1.0 without Host', { target: CREATE, httpVersion: '1.0', bare: true, lines: [] }],
    ['that expects what nobody knows', { target: CREATE, lines: [JSON_TYPE, 'Expect: miracles'], body: '{}' }],
    [
      'that wants to upgrade',
      { target: CREATE, lines: [JSON_TYPE, 'Connection: close, Upgrade', 'Upgrade: websocket'], body: '{}' },
    ],
  ])('reads a body %s', async (_name, request) => {
    const answer = await send(request);
    expectRefusal(any(answer), { status: 402, code: 'payment_required' });
    expectTerms(any(answer), 'create');
  });

  it('tells a client that asks first to send its body', async () => {
    const bytes = rawRequest(stack.gateway.url, { target: CREATE, lines: [JSON_TYPE, 'Expect: 100-continue'], body: '{}' });
    const answers = parseAnswers(await sendBytes(stack.gateway.url, bytes));
    expect(answers.map(({ status }) => status)).toEqual([100, 402]);
  });

  it.each<[string, RawRequest, number, string]>([
    [
      'chunks over the limit',
      {
        target: CREATE,
        lines: [JSON_TYPE, 'Transfer-Encoding: chunked'],
        body: `50000\r\n"${'x'.repeat(0x50000 - 2)}"\r\n0\r\n\r\n`,
      },
      413,
      'body_too_large',
    ],
    [
      'a length over the limit and no body',
      { target: CREATE, lines: [JSON_TYPE, 'Content-Length: 999999999999'] },
      413,
      'body_too_large',
    ],
    ['no type', { target: CREATE, body: '{}' }, 415, 'unsupported_media_type'],
    ['an empty type', { target: CREATE, lines: ['Content-Type: '], body: '{}' }, 415, 'unsupported_media_type'],
    ['two types', { target: CREATE, lines: ['Content-Type: text/plain', JSON_TYPE], body: '{}' }, 415, 'unsupported_media_type'],
    [
      'headers of 20,000 bytes',
      { target: CREATE, lines: [JSON_TYPE, `X-Big: ${'a'.repeat(20_000)}`], body: '{}' },
      431,
      'invalid_body',
    ],
    [
      'a payment of 20,000 bytes',
      { target: CREATE, lines: [JSON_TYPE, `X-PAYMENT: ${'A'.repeat(20_000)}`], body: '{}' },
      431,
      'invalid_body',
    ],
    [
      'a chunk size that is none',
      { target: CREATE, lines: [JSON_TYPE, 'Transfer-Encoding: chunked'], body: 'zz\r\n{}\r\n0\r\n\r\n' },
      400,
      'invalid_body',
    ],
    [
      'a length and chunks',
      { target: CREATE, lines: [JSON_TYPE, 'Content-Length: 2', 'Transfer-Encoding: chunked'], body: '2\r\n{}\r\n0\r\n\r\n' },
      400,
      'invalid_body',
    ],
    [
      'an unknown transfer encoding',
      { target: CREATE, lines: [JSON_TYPE, 'Transfer-Encoding: identity'], body: '{}' },
      400,
      'invalid_body',
    ],
    [
      'two lengths',
      { target: CREATE, lines: [JSON_TYPE, 'Content-Length: 2', 'Content-Length: 3'], body: '{}' },
      400,
      'invalid_body',
    ],
    ['a negative length', { target: CREATE, lines: [JSON_TYPE, 'Content-Length: -2'], body: '{}' }, 400, 'invalid_body'],
    ['a length in words', { target: CREATE, lines: [JSON_TYPE, 'Content-Length: two'], body: '{}' }, 400, 'invalid_body'],
    [
      'no Host in HTTP/1.1',
      { target: CREATE, bare: true, lines: [JSON_TYPE, 'Connection: close', 'Content-Length: 0'] },
      400,
      'invalid_body',
    ],
    ['a space in a header name', { target: CREATE, lines: [JSON_TYPE, 'X Y: z'], body: '{}' }, 400, 'invalid_body'],
    ['a NUL in a header', { target: CREATE, lines: [JSON_TYPE, 'X-PAYMENT: a\0b'], body: '{}' }, 400, 'invalid_body'],
    ['a header without a colon', { target: CREATE, lines: [JSON_TYPE, 'nonsense'], body: '{}' }, 400, 'invalid_body'],
    [
      'a folded payment header',
      { target: CREATE, lines: [JSON_TYPE, 'X-PAYMENT: AAAA\r\n BBBB'], body: '{}' },
      400,
      'invalid_body',
    ],
    ['a method of its own', { method: 'PAY', target: CREATE, lines: [JSON_TYPE], body: '{}' }, 400, 'invalid_body'],
    ['a space in its target', { target: `${CREATE} x`, lines: [JSON_TYPE], body: '{}' }, 400, 'invalid_body'],
    ['a target without a slash', { target: 'api', lines: [JSON_TYPE], body: '{}' }, 400, 'invalid_body'],
  ])('refuses a request with %s', async (_name, request, status, code) => {
    expectRefusal(any(await send(request)), { status, code });
  });

  it.each([
    ['what is no HTTP', 'NONSENSE\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['another version', `POST ${CREATE} HTTP/3.0\r\nHost: a\r\n\r\n`],
    ['TLS', Buffer.from('16030100a50100009f0303', 'hex')],
  ])('answers %s with 400 and closes', async (_name, bytes) => {
    const [answer] = parseAnswers(await sendBytes(stack.gateway.url, bytes));
    expectRefusal(any(answer!), { status: 400, code: 'invalid_body' });
    expect(answer!.headers.get('connection')).toBe('close');
  });

  it('answers requests of one connection in order, also after refused ones', async () => {
    const request = (target: string, last = false): Buffer =>
      rawRequest(stack.gateway.url, { target, lines: [JSON_TYPE, `Connection: ${last ? 'close' : 'keep-alive'}`], body: '{}' });
    const bytes = Buffer.concat([
      request(CREATE),
      request('/nowhere'),
      request('/api/v1/modal/sandbox/exec'),
      request(CREATE, true),
    ]);
    const answers = parseAnswers(await sendBytes(stack.gateway.url, bytes));
    expect(answers.map(({ status }) => status)).toEqual([402, 404, 400, 402]);
    expect(new Set(answers.map(({ headers }) => headers.get('x-request-id'))).size).toBe(4);
  });

  it('lets pages of any origin ask, and lends them nothing', async () => {
    const lines = [
      'Origin: https://app.example',
      'Access-Control-Request-Method: POST',
      'Access-Control-Request-Headers: payment-signature,x-payment',
    ];
    const preflight = await send({ method: 'OPTIONS', target: CREATE, lines });
    expect([preflight.status, preflight.text]).toEqual([204, '']);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-credentials')).toBeUndefined();
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(/PAYMENT-SIGNATURE.*X-PAYMENT/);
  });

  it('does not say which software it is', async () => {
    for (const target of [CREATE, '/nowhere', '/admin/sandboxes', '/health/live']) {
      const { headers } = await send({ method: target === CREATE ? 'POST' : 'GET', target });
      expect([...headers.keys()]).not.toEqual(expect.arrayContaining(['server']));
      expect([...headers.keys()]).not.toEqual(expect.arrayContaining(['x-powered-by']));
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  it('is well after all of this, and has claimed nothing', async () => {
    expect((await stack.get('/health/ready')).status).toBe(200);
    expect((await stack.pool.query('SELECT 1 FROM payments')).rowCount).toBe(0);
    expect((await stack.pool.query('SELECT 1 FROM sandboxes')).rowCount).toBe(0);
    expect(stack.gateway.log).not.toMatch(/a request failed|Unhandled|FATAL/);
  });
});

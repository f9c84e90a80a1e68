import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Delete, Get, HttpCode, Inject, Module, Post, Put } from '@nestjs/common';
import type { PrivateKeyAccount } from 'viem/accounts';
import { z } from 'zod';
import { configuredPrices } from '@tollbox/payments/application/configured-prices';
import { PriceList } from '@tollbox/payments/application/price-list';
import { NETWORKS } from '@tollbox/payments/domain/networks';
import { PriceListRepository } from '@tollbox/payments/infrastructure/price-list.repository';
import { CONFIG, type Config } from '@tollbox/platform/config/config';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { AnswerBytes, OperationRegistry, type Operation } from '@tollbox/platform/operations/operation';
import { Priced } from '@tollbox/platform/routes/access.decorators';
import { Paid, type PaidCall, type PaidUpload } from '@tollbox/platform/routes/paid-call.decorator';
import { SandboxesModule } from '@tollbox/sandboxes/sandboxes.module';
import { CreditsWorld } from '../support/credits/world';

const input = z.object({ item: z.string(), depth: z.coerce.number().int().max(9).default(1), note: z.string().optional() });
type Input = z.output<typeof input>;
const PRICE = 1_000n;
const MAX_UPLOAD_BYTES = 200_000;
const MAX_ANSWER_BYTES = 65_536;
const BYTES = Buffer.from([0xff, 0x00, 0x80, 0x0a]);

/** What the handlers were asked, and what uploads left. */
const seen: Input[] = [];
const written: Buffer[] = [];
let reading = () => Promise.resolve();

const operation = (name: string, more: Partial<Operation<Input>>): Operation => ({
  name,
  body: input,
  answer: z.object({}),
  mayAnswerEarly: true,
  deadlineMs: () => 2_000,
  admit: () => Promise.resolve(),
  outcomeOf: () => Promise.resolve({ kind: 'not_started' }),
  revoke: () => Promise.resolve(),
  ...more,
});
const OPERATIONS: readonly Operation[] = [
  operation('spec.make', { status: 201 }),
  operation('spec.drop', { status: 204 }),
  operation('spec.bytes', { answerMediaType: 'application/x-spec' }),
  operation('spec.upload', {
    status: 204,
    upload: { mediaTypes: ['application/octet-stream'], maxBytes: MAX_UPLOAD_BYTES },
  }),
];

@Controller('spec')
class SpecController {
  @Post(':item/parts')
  @HttpCode(201)
  @Priced({ operation: 'spec.make', summary: 'Makes', query: ['depth'] })
  make(@Paid() { body }: PaidCall<Input>): unknown {
    seen.push(body);
    return { made: seen.length };
  }
  @Delete(':item')
  @HttpCode(204)
  @Priced({ operation: 'spec.drop', summary: 'Drops' })
  drop(@Paid() { body }: PaidCall<Input>): void {
    seen.push(body);
  }
  @Get(':item')
  @Priced({ operation: 'spec.bytes', summary: 'Reads', query: ['depth'] })
  bytes(@Paid() { body }: PaidCall<Input>): AnswerBytes {
    seen.push(body);
    return new AnswerBytes('application/x-spec', body.depth === 9 ? Buffer.alloc(MAX_ANSWER_BYTES + 1) : BYTES);
  }
  @Put(':item')
  @HttpCode(204)
  @Priced({ operation: 'spec.upload', summary: 'Writes' })
  async upload(@Paid() { content }: PaidUpload<Input>): Promise<void> {
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of content) chunks.push(chunk);
    } catch (error) {
      throw new Error('what a provider makes of it', { cause: error });
    }
    await reading();
    written.push(Buffer.concat(chunks));
  }
}

@Module({ imports: [SandboxesModule], controllers: [SpecController] })
class SpecModule {
  constructor(@Inject(OperationRegistry) registry: OperationRegistry) {
    for (const one of OPERATIONS) registry.register(one);
  }
}

const digestOf = (bytes: Uint8Array): string => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

describe('priced routes', () => {
  let world: CreditsWorld;
  let buyer: PrivateKeyAccount;
  let port: number;
  beforeAll(async () => {
    world = await CreditsWorld.start(
      { ANSWER_MAX_BYTES: String(MAX_ANSWER_BYTES) },
      {
        imports: [SpecModule],
        change: (builder) =>
          builder.overrideProvider(PriceList).useFactory({
            inject: [CONFIG, PriceListRepository],
            factory: async (config: Config, store: PriceListRepository) => {
              const content = configuredPrices(config);
              const rule = { kind: 'flat', atomic: PRICE.toString() } as const;
              const all = { ...content, operations: { ...content.operations } as Record<string, typeof rule> };
              for (const { name } of OPERATIONS) all.operations[name] = rule;
              const version = await store.register(all, 'spec');
              return new PriceList({ version, content: all }, store, {
                network: NETWORKS['base-sepolia'],
                payTo: config.PAY_TO,
                graceS: 60,
              });
            },
          }),
      },
    );
    buyer = await world.payer();
    await world.app.listen(0, '127.0.0.1');
    port = (world.app.getHttpServer().address() as AddressInfo).port;
  });
  afterAll(() => world.stop());
  beforeEach(() => {
    seen.length = 0;
    written.length = 0;
    reading = () => Promise.resolve();
  });

  const header = () => world.paymentHeader(buyer, PRICE);
  const call = (method: string, path: string, headers: Record<string, string>, body?: Buffer | string) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
    });
  const states = async (): Promise<string[]> =>
    (
      await world.pool.query<{ state: string }>(`SELECT state FROM payments WHERE operation = 'spec.upload' ORDER BY claimed_at`)
    ).rows.map(({ state }) => state);

  it('take their input from path, body and query, of which the path wins, and answer with their own status every time', async () => {
    const json = { 'content-type': 'application/json', ...(await header()) };
    const body = JSON.stringify({ item: 'other', note: 'n' });
    const first = await call('POST', '/spec/chair/parts?depth=3&note=unnamed', json, body);
    expect([first.status, await first.text()]).toEqual([201, '{"made":1}']);
    const again = await call('POST', '/spec/chair/parts?depth=3&note=unnamed', json, body);
    expect([again.status, await again.text()]).toEqual([201, '{"made":1}']);
    expect(seen).toEqual([{ item: 'chair', depth: 3, note: 'n' }]);
    for (const path of ['/spec/table/parts?depth=3&note=unnamed', '/spec/chair/parts?depth=4&note=unnamed'])
      expect((await call('POST', path, json, body)).status).toBe(409);
    expect(seen).toHaveLength(1);
  });

  it('refuse bad input before payment, and a body that is no object', async () => {
    const json = { 'content-type': 'application/json' };
    expect((await call('POST', '/spec/chair/parts?depth=10', json, '{}')).status).toBe(400);
    expect((await call('POST', '/spec/chair/parts', json, '[]')).status).toBe(400);
    expect((await call('POST', '/spec/chair/parts', json, '{}')).status).toBe(402);
    expect((await call('POST', '/spec/:item/parts', json, '{}')).status).toBe(402);
  });

  it('answer 204 without a body, and other bytes than JSON as they are, every time', async () => {
    const payment = await header();
    for (let time = 1; time <= 2; time++) {
      const dropped = await call('DELETE', '/spec/chair', payment);
      expect([dropped.status, await dropped.text(), dropped.headers.get('content-type')]).toEqual([204, '', null]);
    }
    const paid = await header();
    for (let time = 1; time <= 2; time++) {
      const read = await call('GET', '/spec/chair?depth=2', paid);
      expect([read.status, read.headers.get('content-type')]).toEqual([200, 'application/x-spec']);
      expect(read.headers.get('content-disposition')).toBe('attachment');
      expect(Buffer.from(await read.arrayBuffer()).equals(BYTES)).toBe(true);
    }
    expect(seen).toEqual([
      { item: 'chair', depth: 1 },
      { item: 'chair', depth: 2 },
    ]);
  });

  it('do not charge for an answer that is too large to be kept', async () => {
    const answer = await call('GET', '/spec/chair?depth=9', await header());
    expect([answer.status, await answer.json()]).toMatchObject([422, { code: 'answer_too_large', charged: false }]);
  });

  describe('with a streamed body', () => {
    const content = Buffer.alloc(150_000, 7);
    const type = { 'content-type': 'application/octet-stream' };

    it('pay for exactly these bytes, once', async () => {
      const headers = { ...type, 'content-digest': digestOf(content), ...(await header()) };
      expect((await call('PUT', '/spec/chair', headers, content)).status).toBe(204);
      expect((await call('PUT', '/spec/chair', headers, content)).status).toBe(204);
      expect(written).toEqual([content]);
      const other = Buffer.from('other');
      expect((await call('PUT', '/spec/chair', { ...headers, 'content-digest': digestOf(other) }, other)).status).toBe(409);
      expect(written).toHaveLength(1);
    });

    it('refuse what is not announced well before payment', async () => {
      const digest = { 'content-digest': digestOf(content) };
      const code = async (headers: Record<string, string>, body = content) => {
        const answer = await call('PUT', '/spec/chair', headers, body);
        return [answer.status, ((await answer.json()) as { code: string }).code];
      };
      expect(await code(type)).toEqual([400, 'content_digest_required']);
      expect(await code({ ...type, 'content-digest': 'md5=:AAAA:' })).toEqual([400, 'content_digest_required']);
      expect(await code({ ...digest, 'content-type': 'application/json' })).toEqual([415, 'unsupported_media_type']);
      expect(await code({ ...type, ...digest }, Buffer.alloc(MAX_UPLOAD_BYTES + 1))).toEqual([413, 'body_too_large']);
      expect(await code({ ...type, ...digest })).toEqual([402, 'payment_required']);
    });

    it('are not charged for other bytes, nor written, and the same payment is good for the right ones', async () => {
      const headers = { ...type, 'content-digest': digestOf(content), ...(await header()) };
      const wrong = await call('PUT', '/spec/chair', headers, Buffer.from('other'));
      expect([wrong.status, await wrong.json()]).toMatchObject([400, { code: 'content_digest_mismatch', charged: false }]);
      expect(written).toEqual([]);
      expect((await states()).at(-1)).toBe('voided');
      expect((await call('PUT', '/spec/chair', headers, content)).status).toBe(204);
      expect(written).toEqual([content]);
    });

    /** Sends the head of a request and gives the answer; the body is the caller's to send. */
    const open = (headers: Record<string, string>) => {
      const sent = httpRequest({ port, host: '127.0.0.1', method: 'PUT', path: '/spec/chair', headers });
      sent.flushHeaders();
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        sent.on('response', resolve);
        sent.on('error', reject);
      });
      answered.catch(() => undefined);
      return { sent, answered };
    };
    const chunked = { ...type, 'transfer-encoding': 'chunked', 'content-digest': digestOf(content) };

    it('get their 402, and a replay its answer, before the body is read', async () => {
      const unpaid = open(chunked);
      expect((await unpaid.answered).statusCode).toBe(402);
      unpaid.sent.destroy();
      const headers = { ...chunked, ...(await header()) };
      const paid = open(headers);
      paid.sent.end(content);
      expect((await paid.answered).statusCode).toBe(204);
      const replayed = open(headers);
      expect((await replayed.answered).statusCode).toBe(204);
      replayed.sent.destroy();
      expect(written).toEqual([content]);
    });

    it('end with an error that is not charged when the body is too long, or is cut off', async () => {
      const long = open({ ...chunked, ...(await header()) });
      long.sent.end(Buffer.alloc(MAX_UPLOAD_BYTES + 1));
      expect((await long.answered).statusCode).toBe(413);
      const before = (await states()).length;
      const cut = open({ ...chunked, ...(await header()) });
      cut.sent.write(content.subarray(0, 1_000));
      const claimed = async () => (await states()).length > before;
      while (!(await claimed())) await new Promise((resolve) => setTimeout(resolve, 10));
      cut.sent.destroy();
      while ((await states()).at(-1) === 'claimed') await new Promise((resolve) => setTimeout(resolve, 10));
      expect((await states()).at(-1)).toBe('voided');
      expect(written).toEqual([]);
    });

    it('ask a client for its body only when it is wanted', async () => {
      const waiting = {
        ...type,
        'content-length': String(content.length),
        'content-digest': digestOf(content),
        expect: '100-continue',
      };
      const unpaid = open(waiting);
      let asked = false;
      unpaid.sent.on('continue', () => (asked = true));
      const refused = await unpaid.answered;
      expect([refused.statusCode, refused.headers.connection, asked]).toEqual([402, 'close', false]);
      unpaid.sent.destroy();
      const paid = open({ ...waiting, ...(await header()) });
      paid.sent.on('continue', () => paid.sent.end(content));
      expect((await paid.answered).statusCode).toBe(204);
      const json = httpRequest({
        ...{ port, host: '127.0.0.1', method: 'POST', path: '/spec/chair/parts' },
        headers: { 'content-type': 'application/json', 'content-length': '2', expect: '100-continue' },
      });
      json.flushHeaders();
      json.on('continue', () => json.end('{}'));
      expect(await new Promise((resolve) => json.on('response', ({ statusCode }) => resolve(statusCode)))).toBe(402);
    });

    it('keep the error of an operation that fails by itself', async () => {
      reading = () => Promise.reject(new TollboxError('sandbox_gone'));
      const answer = await call(
        'PUT',
        '/spec/chair',
        { ...type, 'content-digest': digestOf(content), ...(await header()) },
        content,
      );
      expect([answer.status, await answer.json()]).toMatchObject([410, { code: 'sandbox_gone', charged: false }]);
    });
  });
});

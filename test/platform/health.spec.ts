import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import type { Pool } from 'pg';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import type { HealthContributor, HealthReport } from '@tollbox/platform/health/health-contributor';
import { HealthModule } from '@tollbox/platform/health/health.module';
import { InstallationService } from '@tollbox/platform/installation/installation.service';
import { startTestApp, type TestApp } from './support/test-app';

/** Stands where the provider's library stands: it says what the spec sets. */
class ProviderHealth implements HealthContributor {
  readonly name = 'provider';
  report: () => Promise<HealthReport> = () => Promise.resolve({ ok: true, detail: { isolation: 'gvisor' } });
  check(): Promise<HealthReport> {
    return this.report();
  }
}

@Module({ providers: [ProviderHealth], exports: [ProviderHealth] })
class ProviderModule {}

describe('health', () => {
  let chain: Server;
  let chainAnswer: string;
  let chainCalls: number;
  let test: TestApp;

  beforeAll(async () => {
    chain = createServer((_request, response) => {
      chainCalls++;
      response.end(chainAnswer);
    });
    await new Promise<void>((resolve) => chain.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => new Promise((resolve) => chain.close(resolve)));

  beforeEach(async () => {
    chainAnswer = '{"jsonrpc":"2.0","id":1,"result":"0x14a34"}';
    chainCalls = 0;
    const { port } = chain.address() as AddressInfo;
    test = await startTestApp(
      { imports: [HealthModule.forRoot({ imports: [ProviderModule], contributors: [ProviderHealth] })] },
      { RPC_URL: `http://127.0.0.1:${port}/secret-path`, REQUESTS_PER_MINUTE_PER_IP: '1' },
    );
  });
  afterEach(() => test.close());

  const ready = async () => {
    test.clock.advance(1_000);
    const answer = await test.app.inject({ url: '/health/ready' });
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>(), text: answer.body };
  };

  it('is live without asking anything', async () => {
    chainAnswer = 'down';
    const answer = await test.app.inject({ url: '/health/live' });
    expect([answer.statusCode, answer.json(), chainCalls]).toEqual([200, { status: 'live' }, 0]);
  });

  it('is ready when everything answers, and shows isolation and draining', async () => {
    const expected = {
      status: 'ready',
      draining: false,
      checks: {
        database: { status: 'ok', draining: false },
        chain: { status: 'ok', chainId: 84532, network: 'eip155:84532' },
        provider: { status: 'ok', isolation: 'gvisor' },
      },
    };
    expect(await ready()).toMatchObject({ status: 200, body: expected });
    expect((await test.app.inject({ url: '/health' })).json()).toEqual(expected);
    await test.app.get(InstallationService).drain('spec');
    expect(await ready()).toMatchObject({ status: 200, body: { status: 'ready', draining: true } });
  });

  it.each([
    ['answers nonsense', 'nonsense'],
    ['answers an error', '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}'],
    ['is another chain', '{"jsonrpc":"2.0","id":1,"result":"0x1"}'],
  ])('is not ready when the chain %s', async (_case, answer) => {
    chainAnswer = answer;
    const { status, body, text } = await ready();
    expect(status).toBe(503);
    expect(body).toMatchObject({ status: 'not_ready', checks: { chain: { status: 'failed' }, database: { status: 'ok' } } });
    expect(text).not.toMatch(/secret-path|127\.0\.0\.1/);
  });

  it('is not ready when the provider reports it, or throws', async () => {
    const provider = test.app.get(ProviderHealth);
    provider.report = () => Promise.resolve({ ok: false });
    expect(await ready()).toMatchObject({ status: 503, body: { checks: { provider: { status: 'failed' } } } });
    provider.report = () => Promise.reject(new Error('socket /var/run/secret.sock'));
    const { status, text } = await ready();
    expect([status, text.includes('secret.sock')]).toEqual([503, false]);
  });

  it('is not ready without its database', async () => {
    await test.app.get<Pool>(PG_POOL).end();
    const { status, body } = await ready();
    expect(status).toBe(503);
    expect(body).toMatchObject({ draining: null, checks: { database: { status: 'failed' }, chain: { status: 'ok' } } });
  });

  it('has no rate limit, but many callers share one asking', async () => {
    test.clock.advance(1_000);
    const answers = await Promise.all(Array.from({ length: 50 }, () => test.app.inject({ url: '/health/ready' })));
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(50).fill(200));
    expect(chainCalls).toBe(1);
  });
});

import { Controller, Delete, Get } from '@nestjs/common';
import type { Pool } from 'pg';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import type { Chain } from '@tollbox/devstack/chain';
import { NETWORKS } from '@tollbox/payments/domain/networks';
import { loadSignatureRecovery } from '@tollbox/payments/infrastructure/signature-recovery';
import { ViemChain } from '@tollbox/payments/infrastructure/viem-chain';
import { ChainWalletSignatures } from '@tollbox/payments/infrastructure/wallet-signatures';
import { CurrentOwner } from '@tollbox/platform/access/current-owner.decorator';
import { AccessModule } from '@tollbox/platform/access/access.module';
import { CREDIT_TOKENS } from '@tollbox/platform/access/owner-access';
import { WALLET_SIGNATURES } from '@tollbox/platform/access/sign-in/sign-in';
import { PG_POOL } from '@tollbox/platform/database/pg-pool';
import { Owner } from '@tollbox/platform/routes/access.decorators';
import { Global, Module } from '@nestjs/common';
import { callSignedIn, challengeOf, proofOf } from '../support/owner/sign-in';
import { testChain } from '../support/stack';
import { startTestApp, type TestApp } from './support/test-app';

const PUBLIC_URL = 'https://sell.example';
const FIVE_MINUTES_MS = 300_000;
const TOKEN = `tbc_${'A'.repeat(43)}`;

@Controller('mine')
class MineController {
  @Get()
  @Owner({ summary: 'who calls' })
  mine(@CurrentOwner() owner: string): { owner: string } {
    return { owner };
  }

  @Delete()
  @Owner({ summary: 'who deletes' })
  remove(@CurrentOwner() owner: string): { owner: string } {
    return { owner };
  }
}

describe('a route of owners', () => {
  let test: TestApp;
  let chain: Chain;
  let pool: Pool;
  const wallet = privateKeyToAccount(generatePrivateKey());

  beforeAll(async () => {
    chain = await testChain();
    const viemChain = new ViemChain({
      network: NETWORKS['base-sepolia'],
      rpcUrl: chain.rpcUrl,
      timeoutMs: 5_000,
      eip1271GasCap: 300_000n,
      nowMs: () => Date.now(),
    });
    const signatures = new ChainWalletSignatures(viemChain, await loadSignatureRecovery());

    @Global()
    @Module({
      providers: [
        { provide: WALLET_SIGNATURES, useValue: signatures },
        {
          provide: CREDIT_TOKENS,
          useValue: { walletOf: (token: string) => Promise.resolve(token === TOKEN ? '0xcafe' : null) },
        },
      ],
      exports: [WALLET_SIGNATURES, CREDIT_TOKENS],
    })
    class OwnersModule {}

    test = await startTestApp(
      { imports: [OwnersModule, AccessModule], controllers: [MineController] },
      { PUBLIC_URL, ALLOW_SHARED_KERNEL: '1', OWNER_REQUESTS_PER_MINUTE_PER_IP: '60' },
    );
    pool = test.app.get<Pool>(PG_POOL);
  });
  beforeEach(() => test.clock.advance(60_000)); // a full minute's worth of requests again
  afterAll(async () => {
    await test.close();
    await chain.stop();
  });

  const call = (headers: Record<string, string> = {}, url = '/mine', method: 'GET' | 'DELETE' = 'GET') =>
    test.app.inject({ method, url, headers });
  const signed = async (...changes: Parameters<typeof proofOf> extends [unknown, unknown, ...infer Rest] ? Rest : never) =>
    proofOf(challengeOf(await call()), wallet, ...changes);
  const expectRefused = async (proof: string, problem: RegExp, url?: string, method?: 'DELETE') => {
    const answer = await call({ 'sign-in-with-x': proof }, url, method);
    expect([answer.statusCode, answer.json<{ details: string }>().details]).toEqual([401, expect.stringMatching(problem)]);
    expect(challengeOf(answer).info['nonce']).toMatch(/^[0-9a-f]{32}$/);
  };

  it('answers a stranger with a challenge as the x402 extension defines it', async () => {
    const answer = await call();
    expect(answer.statusCode).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('SIGN-IN-WITH-X realm="tollbox", Bearer realm="tollbox"');
    expect(answer.json()).toMatchObject({ code: 'sign_in_required', charged: false, retryable: true, x402Version: 2 });
    const { info, supportedChains, schema } = challengeOf(answer);
    expect(info).toEqual({
      domain: 'sell.example',
      uri: 'https://sell.example/mine',
      version: '1',
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/),
      issuedAt: new Date(test.clock.nowMs()).toISOString(),
      expirationTime: new Date(test.clock.nowMs() + FIVE_MINUTES_MS).toISOString(),
      statement: expect.stringContaining('GET'),
    });
    expect(supportedChains).toEqual([{ chainId: 'eip155:84532', type: 'eip191' }]);
    expect(schema['required']).toContain('signature');
    expect(challengeOf(await call()).info['nonce']).not.toBe(info['nonce']);
  });

  it('knows the wallet that signed', async () => {
    const answer = await callSignedIn(test.app, wallet, '/mine?page=2');
    expect([answer.statusCode, answer.json()]).toEqual([200, { owner: wallet.address.toLowerCase() }]);
  });

  it('takes a proof once, however many send it at the same time', async () => {
    const headers = { 'sign-in-with-x': await signed() };
    const answers = await Promise.all(Array.from({ length: 10 }, () => call(headers)));
    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect(answers.filter(({ statusCode }) => statusCode === 401)).toHaveLength(9);
    await expectRefused(headers['sign-in-with-x'], /used/);
  });

  it('takes a proof for five minutes', async () => {
    const [early, late] = [await signed(), await signed()];
    test.clock.advance(FIVE_MINUTES_MS - 1);
    expect((await call({ 'sign-in-with-x': early })).statusCode).toBe(200);
    test.clock.advance(1);
    await expectRefused(late, /expired/);
  });

  it('takes a proof for its own request only', async () => {
    await expectRefused(await signed(), /another request/, '/mine?page=2');
    await expectRefused(await signed(), /another request/, '/mine', 'DELETE');
  });

  it('refuses what is changed, foreign or nonsense, and says why', async () => {
    const stranger = privateKeyToAccount(generatePrivateKey());
    await expectRefused(await signed({ sent: { domain: 'evil.example' } }), /domain/);
    await expectRefused(await signed({ sent: { uri: 'https://sell.example/other' } }), /uri/);
    await expectRefused(await signed({ sent: { issuedAt: new Date(0).toISOString() } }), /issuedAt/);
    await expectRefused(await signed({ sent: { expirationTime: '2999-01-01T00:00:00.000Z' } }), /expirationTime/);
    await expectRefused(await signed({ sent: { statement: 'x' } }), /statement/);
    await expectRefused(await signed({ sent: { chainId: 'eip155:1' } }), /chainId/);
    await expectRefused(await signed({ sent: { type: 'ed25519' } }), /type/);
    await expectRefused(await signed({ sent: { nonce: 'f'.repeat(32) } }), /nonce/);
    await expectRefused(await signed({ sent: { signature: '0x00' } }), /signature/);
    await expectRefused(await signed({ sent: { address: stranger.address } }), /signature/);
    await expectRefused(await signed({ signed: { domain: 'evil.example' }, sent: { domain: 'sell.example' } }), /signature/);
    for (const header of ['x', '{}', Buffer.from('{}').toString('base64'), 'A'.repeat(20_000).slice(0, 13_000)])
      await expectRefused(header, /not base64/);
  });

  it('does not use a challenge up for a wrong signature', async () => {
    const challenge = challengeOf(await call());
    await expectRefused(await proofOf(challenge, wallet, { sent: { signature: '0x00' } }), /signature/);
    expect((await call({ 'sign-in-with-x': await proofOf(challenge, wallet) })).statusCode).toBe(200);
  });

  it('asks the code of a contract wallet, and only that', async () => {
    const contract = await chain.deploySmartWallet(wallet.address);
    const answer = await call({ 'sign-in-with-x': await signed({ address: contract }) });
    expect([answer.statusCode, answer.json()]).toEqual([200, { owner: contract.toLowerCase() }]);
    const stranger = privateKeyToAccount(generatePrivateKey());
    await expectRefused(await proofOf(challengeOf(await call()), stranger, { address: contract }), /signature/);
  });

  it('takes a credit token as well', async () => {
    const answer = await call({ authorization: `Bearer ${TOKEN}` });
    expect([answer.statusCode, answer.json()]).toEqual([200, { owner: '0xcafe' }]);
    for (const authorization of [`Bearer tbc_${'B'.repeat(43)}`, TOKEN, 'Bearer tb_x', `Bearer ${TOKEN}A`])
      expect((await call({ authorization })).statusCode).toBe(401);
  });

  it('forgets challenges that nobody answered', async () => {
    test.clock.advance(FIVE_MINUTES_MS * 2);
    for (let n = 0; n < 20; n++) await call();
    const { rows } = await pool.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM sign_in_nonces WHERE expires_at <= $1',
      [new Date(test.clock.nowMs())],
    );
    expect(rows[0]!.count).toBe(0);
  });

  it('is limited for each address', async () => {
    const codes = [];
    for (let n = 0; n < 61; n++) codes.push((await call()).statusCode);
    expect(codes.filter((code) => code === 429)).toHaveLength(1);
    expect((await test.app.inject({ url: '/mine', remoteAddress: '203.0.113.9' })).statusCode).toBe(401);
  });
});

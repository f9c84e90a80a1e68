import { ExactEvmSchemeV1 } from '@x402/evm/exact/v1/client';
import type { PrivateKeyAccount } from 'viem/accounts';
import { randomNonce, signAuthorization, v1Header, v2Header } from '../support/payments/sign';
import { sendRaw } from '../support/e2e/raw-http';
import { eventually, NETWORK, PAY_TO, receiptOf, Stack, type Answer } from '../support/e2e/stack';
import { receiptOnChain, transferUsdc } from '../support/e2e/wallets';
import { errorAnswer, expectTerms, fromBase64Json, type AnyAnswer, type TermsV1 } from '../support/e2e/wire-shapes';

const CREATE = '/api/v1/modal/sandbox/create';
const STATUS = '/api/v1/modal/sandbox/status';
const SOMEBODY = `0x${'5b'.repeat(20)}` as const;
const EXPOSED =
  'PAYMENT-REQUIRED, X-Payment-Required, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, X-Payment-Receipt, X-Payment-Id, X-Request-Id, Retry-After';

const any = (answer: Answer): AnyAnswer => ({
  status: answer.status,
  text: answer.text,
  header: (name) => answer.headers.get(name) ?? undefined,
});

/** What x402 v1 says on the wire, and what buyers in the field do, against a running server. */
describe('x402 v1 on the wire', () => {
  let stack: Stack;
  let payer: PrivateKeyAccount;
  let sandboxId: string;
  beforeAll(async () => {
    stack = await Stack.start();
    payer = await stack.wallet(1);
    const created = await stack.post(CREATE, {}, await stack.header(payer, 'create', { version: 1 }));
    expect([created.status, created.text]).toEqual([200, expect.stringContaining('sandbox_id')]);
    sandboxId = created.body.sandbox_id as string;
  });
  afterAll(async () => {
    await stack.stop();
  });

  const status = (headers: Record<string, string>): Promise<Answer> => stack.post(STATUS, { sandbox_id: sandboxId }, headers);
  const signed = (amountAtomic: bigint, options: { nonce?: `0x${string}`; validBefore?: bigint } = {}) =>
    signAuthorization({ network: NETWORK, payer, payTo: PAY_TO, amountAtomic, ...options });
  async function paymentsOf(nonce: string): Promise<Record<string, unknown>[]> {
    const { rows } = await stack.pool.query<Record<string, unknown>>(
      'SELECT id, state, x402_version, amount_atomic, price_atomic, transaction_hash FROM payments WHERE nonce = $1',
      [nonce],
    );
    return rows;
  }

  it('quotes both versions in one 402, in the very shape that the references have', async () => {
    const unpaid = await stack.post(CREATE, {});
    expect(unpaid.status).toBe(402);
    expectTerms(any(unpaid), 'create');
    const resource = `${stack.gateway.url}${CREATE}`;
    const terms = { scheme: 'exact', payTo: PAY_TO, asset: NETWORK.usdc, extra: { name: 'USDC', version: '2' } };
    expect(unpaid.body).toEqual({
      x402Version: 1,
      error: 'Payment Required',
      message: 'This endpoint requires x402 payment',
      price: { amount: '0.0100', currency: 'USD' },
      accepts: [
        {
          ...terms,
          network: 'base-sepolia',
          maxAmountRequired: '10000',
          resource,
          description: 'sandbox create',
          mimeType: 'application/json',
          maxTimeoutSeconds: 300,
        },
      ],
      code: 'payment_required',
      suggestion: expect.any(String),
      retryable: true,
      charged: false,
      request_id: unpaid.headers.get('x-request-id'),
      reason: 'Payment Required',
    });
    expect(fromBase64Json(unpaid.headers.get('payment-required') ?? '')).toEqual({
      x402Version: 2,
      error: 'Payment Required',
      resource: { url: resource, description: 'sandbox create', mimeType: 'application/json' },
      accepts: [{ ...terms, network: 'eip155:84532', amount: '10000', maxTimeoutSeconds: 300 }],
      extensions: { 'payment-identifier': { info: { required: false }, schema: expect.any(Object) } },
    });
    expect(unpaid.headers.get('cache-control')).toBe('no-store');
    expect(unpaid.headers.get('access-control-expose-headers')).toBe(EXPOSED);
    expect(unpaid.headers.get('access-control-allow-origin')).toBe('*');
  });

  it('takes a v1 payment and gives a v1 receipt of a transaction that is on the chain', async () => {
    const { authorization, signature } = await signed(1_000n);
    const before = { payTo: await stack.earnedAtomic(), payer: await stack.chain.balanceOf(payer.address) };
    const answer = await status({ 'X-PAYMENT': v1Header(NETWORK, authorization, signature) });
    expect(answer).toMatchObject({ status: 200, body: { sandbox_id: sandboxId, status: 'running', returncode: null } });
    const receipt = receiptOf(answer, 'x-payment-response');
    expect(receipt).toEqual({
      success: true,
      transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      network: 'base-sepolia',
      payer: payer.address.toLowerCase(),
    });
    expect(answer.headers.get('payment-response')).toBe(answer.headers.get('x-payment-response'));
    expect(answer.headers.get('x-payment-receipt')).toBe(receipt['transaction']);
    expect(answer.headers.get('cache-control')).toBe('private, no-store');
    expect(answer.headers.get('access-control-expose-headers')).toBe(EXPOSED);
    expect(answer.headers.get('payment-required')).toBeNull();

    const onChain = await receiptOnChain(stack.chain, String(receipt['transaction']));
    expect(onChain).toMatchObject({
      succeeded: true,
      transfers: expect.arrayContaining([{ from: payer.address.toLowerCase(), to: PAY_TO, amountAtomic: 1_000n }]),
    });
    expect((await stack.earnedAtomic()) - before.payTo).toBe(1_000n);
    expect(before.payer - (await stack.chain.balanceOf(payer.address))).toBe(1_000n);
    expect(await paymentsOf(authorization.nonce)).toEqual([
      {
        id: answer.headers.get('x-payment-id'),
        state: 'settled',
        x402_version: 1,
        amount_atomic: '1000',
        price_atomic: '1000',
        transaction_hash: receipt['transaction'],
      },
    ]);
  });

  it('is paid by the official v1 scheme, from the 402 body alone', async () => {
    const unpaid = await stack.post(STATUS, { sandbox_id: sandboxId });
    const requirement = (unpaid.body as TermsV1).accepts[0];
    const payload = await new ExactEvmSchemeV1(payer).createPaymentPayload(1, requirement as never);
    const header = Buffer.from(JSON.stringify(payload)).toString('base64');
    const paid = await status({ 'X-PAYMENT': header });
    expect(paid.status).toBe(200);
    expect(receiptOf(paid, 'x-payment-response')).toMatchObject({ success: true, network: 'base-sepolia' });
  });

  it('takes more than the price in v1 and books both, and refuses it in v2', async () => {
    const more = await signed(1_700n);
    const before = await stack.earnedAtomic();
    const v2 = await status({ 'PAYMENT-SIGNATURE': v2Header(NETWORK, more.authorization, more.signature) });
    expect(v2.status).toBe(402);
    expect(await paymentsOf(more.authorization.nonce)).toEqual([]);
    const v1 = await status({ 'X-PAYMENT': v1Header(NETWORK, more.authorization, more.signature) });
    expect(v1.status).toBe(200);
    expect((await stack.earnedAtomic()) - before).toBe(1_700n);
    expect(await paymentsOf(more.authorization.nonce)).toMatchObject([
      { state: 'settled', amount_atomic: '1700', price_atomic: '1000' },
    ]);
  });

  it.each(['X-PAYMENT', 'x-payment', 'X-Payment', 'PAYMENT-SIGNATURE', 'payment-signature', 'Payment-Signature'])(
    'reads either version from the header %s, by its content',
    async (name) => {
      for (const version of [1, 2] as const) {
        const { authorization, signature } = await signed(1_000n);
        const value = (version === 1 ? v1Header : v2Header)(NETWORK, authorization, signature);
        // Over a raw socket, since fetch writes header names in lower case.
        const answer = await sendRaw(stack.gateway.url, {
          target: STATUS,
          lines: ['Content-Type: application/json', `${name}: ${value}`],
          body: JSON.stringify({ sandbox_id: sandboxId }),
        });
        expect(answer.status).toBe(200);
        expect(fromBase64Json(answer.headers.get('payment-response') ?? '')).toMatchObject({
          success: true,
          network: version === 1 ? 'base-sepolia' : 'eip155:84532',
        });
      }
    },
  );

  it('reads X-PAYMENT where PAYMENT-SIGNATURE is sent empty', async () => {
    const header = await stack.header(payer, 'status', { version: 1 });
    expect((await status({ ...header, 'PAYMENT-SIGNATURE': '' })).status).toBe(200);
  });

  it('is lenient to what buyers rebuild: padding, URL alphabet, addresses in any case, no window, extra keys', async () => {
    const { authorization, signature } = await signed(1_000n, { nonce: `0x${'0'.repeat(64)}`, validBefore: 2n ** 256n - 1n });
    const wire = fromBase64Json(v2Header(NETWORK, authorization, signature)) as { accepted: Record<string, unknown> };
    const { accepted } = wire;
    const upper = (text: string): string => `0x${text.slice(2).toUpperCase()}`;
    const rebuilt = {
      ...wire,
      resource: { url: 'https://somewhere.example/else' },
      accepted: {
        ...accepted,
        asset: upper(NETWORK.usdc),
        payTo: upper(PAY_TO),
        extra: { name: 'Mine', more: [1] },
        maxTimeoutSeconds: 7,
      },
      extensions: { unknown: { info: null } },
      somethingNew: '?>?>?>',
    };
    const header = Buffer.from(JSON.stringify(rebuilt)).toString('base64url');
    expect(header).toMatch(/[-_]/);
    expect((await status({ 'PAYMENT-SIGNATURE': header })).status).toBe(200);

    // A nonce of zeros is a nonce: good once, and for this request only.
    const other = await stack.post('/api/v1/modal/sandbox/terminate', { sandbox_id: sandboxId }, { 'PAYMENT-SIGNATURE': header });
    expect(other).toMatchObject({ status: 409, body: { code: 'payment_reused', charged: true } });
    expect(await paymentsOf(authorization.nonce)).toHaveLength(1);
  });

  it('pays blindly what accepts[0] of the header says, as buyers of the BlockRun family do', async () => {
    const body = JSON.stringify({ sandbox_id: sandboxId, command: ['echo', 'bought'] });
    const url = `${stack.gateway.url}/api/v1/modal/sandbox/exec`;
    const unpaid = await stack.post('/api/v1/modal/sandbox/exec', body);
    const required = fromBase64Json(unpaid.headers.get('payment-required') ?? '') as {
      accepts: [Record<'network' | 'asset' | 'payTo' | 'amount', string> & { maxTimeoutSeconds: number }];
    };
    const [terms] = required.accepts;
    // Its own table of domains, whatever `extra` says; the window from the terms; its own extension.
    const domain = {
      name: 'USDC',
      version: '2',
      chainId: Number(terms.network.split(':')[1]),
      verifyingContract: terms.asset as `0x${string}`,
    };
    const nowS = Math.floor(Date.now() / 1000);
    const authorization = {
      from: payer.address,
      to: terms.payTo,
      value: terms.amount,
      validAfter: String(nowS - 600),
      validBefore: String(nowS + terms.maxTimeoutSeconds),
      nonce: randomNonce(),
    };
    const fields = Object.entries({
      from: 'address',
      to: 'address',
      value: 'uint256',
      validAfter: 'uint256',
      validBefore: 'uint256',
      nonce: 'bytes32',
    });
    const signature = await payer.signTypedData({
      domain,
      types: { TransferWithAuthorization: fields.map(([name, type]) => ({ name, type })) },
      primaryType: 'TransferWithAuthorization',
      message: authorization,
    });
    const payload = {
      x402Version: 2,
      resource: { url, description: 'x', mimeType: 'application/json' },
      accepted: terms,
      payload: { signature, authorization },
      extensions: { 'builder-code': { info: { s: ['blockrun'] } } },
    };
    const paid = await stack.post('/api/v1/modal/sandbox/exec', body, {
      'PAYMENT-SIGNATURE': Buffer.from(JSON.stringify(payload)).toString('base64'),
    });
    expect(paid).toMatchObject({ status: 200, body: { stdout: 'bought\n', returncode: 0 } });
  });

  it('names the resource by the Host that was called, and believes no forwarded header', async () => {
    const resourceOf = async (lines: string[]): Promise<string> => {
      const answer = await sendRaw(stack.gateway.url, { target: CREATE, lines, body: '' });
      return expectTerms({ ...answer, header: (name) => answer.headers.get(name) }, 'create').v2.resource.url;
    };
    const forwarded = [
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'X-Forwarded-For: 203.0.113.9',
      'Forwarded: host=evil.example;proto=https',
      'X-Original-Host: evil.example',
    ];
    expect(await resourceOf(['Host: sandboxes.example'])).toBe(`http://sandboxes.example${CREATE}`);
    expect(await resourceOf(['Host: sandboxes.example:8443', ...forwarded])).toBe(`http://sandboxes.example:8443${CREATE}`);
    expect(await resourceOf(forwarded)).toBe(`${stack.gateway.url}${CREATE}`);
    for (const host of ['evil.example/path', 'user:secret@evil.example', 'evil.example?', 'a b', '"><script>', ''])
      expect(await resourceOf([`Host: ${host}`])).toBe(`${stack.gateway.url}${CREATE}`);
  });
});

describe('a gateway with a PUBLIC_URL, without a settler', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await Stack.start({
      worker: false,
      env: { PUBLIC_URL: 'https://sell.example/', SETTLEMENT_CONFIRM_WAIT_MS: '1000' },
    });
  });
  afterAll(async () => {
    await stack.stop();
  });

  it('names the resource by PUBLIC_URL, whatever the Host is', async () => {
    const unpaid = await stack.post(CREATE, {});
    expect(expectTerms(any(unpaid), 'create').v1.accepts[0]!.resource).toBe(`https://sell.example${CREATE}`);
    expect(unpaid.headers.get('strict-transport-security')).toBe('max-age=31536000');
  });

  it('answers 503 while nothing settles, and the stored answer to the same header once something does', async () => {
    const payer = await stack.wallet(1, 10_000n);
    const header = await stack.header(payer, 'create', { version: 1 });
    // A BlockRun buyer resends the same signature after one second.
    const pending = [await stack.post(CREATE, {}, header), await stack.post(CREATE, {}, header)];
    for (const answer of pending) {
      expect(errorAnswer.extend({ charged: errorAnswer.shape.message }).parse(answer.body)).toMatchObject({
        code: 'settlement_pending',
        charged: 'unknown',
        retryable: true,
      });
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      // Never terms: they would make the buyer sign, and pay, again.
      for (const name of ['payment-required', 'payment-response', 'x-payment-response', 'x-payment-receipt'])
        expect(answer.headers.get(name)).toBeNull();
      expect(answer.text).not.toContain('sandbox_id');
    }
    expect(await stack.earnedAtomic()).toBe(0n);

    await stack.startWorker();
    let paid = await stack.post(CREATE, {}, header);
    for (let attempt = 0; paid.status === 503 && attempt < 20; attempt++) paid = await stack.post(CREATE, {}, header);
    expect(paid).toMatchObject({ status: 200, body: { status: 'running' } });
    expect((await stack.post(CREATE, {}, header)).text).toBe(paid.text);
    expect(await stack.sandboxes()).toHaveLength(1);
    expect(await stack.earnedAtomic()).toBe(10_000n);
    expect(await stack.chain.balanceOf(payer.address)).toBe(0n);
    await stack.worker?.stop();
  });
});

describe('a payment that the chain refuses', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await Stack.start({ worker: false });
  });
  afterAll(async () => {
    await stack.stop();
  });

  it('releases no answer, moves no money, and leaves no sandbox', async () => {
    const payer = await stack.wallet(1, 10_000n);
    const header = await stack.header(payer, 'create');
    const waiting = stack.post(CREATE, {}, header);
    await eventually('the work is done and its payment queued', async () => {
      const { rows } = await stack.pool.query("SELECT 1 FROM payments WHERE state = 'queued'");
      return rows.length === 1;
    });
    expect(await stack.providerObjects()).toBe(1);
    await transferUsdc(stack.chain, payer.address, SOMEBODY, 10_000n);
    await stack.startWorker();

    const refused = await waiting;
    expect(refused).toMatchObject({
      status: 402,
      body: { code: 'settlement_refused', error: 'Payment settlement failed', charged: false, retryable: true },
    });
    expectTerms(any(refused), 'create');
    expect(receiptOf(refused)).toEqual({
      success: false,
      transaction: '',
      network: 'eip155:84532',
      payer: payer.address.toLowerCase(),
      errorReason: refused.body.details,
    });
    expect(refused.body.details).toEqual(expect.stringMatching(/\S/));
    expect(refused.text).not.toContain('sandbox_id');

    await eventually('the sandbox ends', async () => {
      const [sandbox] = await stack.sandboxes();
      return sandbox?.state === 'terminated' && sandbox.reason === 'unpaid';
    });
    expect(await stack.providerObjects()).toBe(0);
    expect(await stack.earnedAtomic()).toBe(0n);

    // Money that comes later does not bring the refused payment back, and nothing runs again.
    await stack.chain.mint(payer.address, 10_000n);
    expect(await stack.post(CREATE, {}, header)).toMatchObject({ status: 402, body: { code: 'settlement_refused' } });
    expect(await stack.sandboxes()).toHaveLength(1);
    expect(await stack.earnedAtomic()).toBe(0n);
  });
});

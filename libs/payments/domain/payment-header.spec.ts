import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { signAuthorization, v1Header, v2Header, wirePayload } from '../../../test/support/payments/sign';
import { NETWORKS } from './networks';
import { decodePaymentHeader, MAX_PAYMENT_HEADER_CHARS } from './payment-header';

const network = NETWORKS['base-sepolia'];
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value), 'utf8').toString('base64');

async function signed() {
  const payer = privateKeyToAccount(generatePrivateKey());
  return signAuthorization({ network, payer, payTo: network.usdc, amountAtomic: 1_000n });
}

describe('decodePaymentHeader', () => {
  it('reads v1 and v2 by content', async () => {
    const { authorization, signature } = await signed();
    expect(decodePaymentHeader(v1Header(network, authorization, signature))).toEqual({
      kind: 'payment',
      payload: {
        x402Version: 1,
        scheme: 'exact',
        network: 'base-sepolia',
        accepted: null,
        authorization,
        signature,
        paymentIdentifier: null,
      },
    });
    expect(decodePaymentHeader(v2Header(network, authorization, signature))).toMatchObject({
      kind: 'payment',
      payload: { x402Version: 2, network: 'eip155:84532', accepted: { amount: '1000', asset: network.usdc }, authorization },
    });
  });

  it('reads a v2 payment without extensions', async () => {
    const { authorization, signature } = await signed();
    const payment = JSON.parse(Buffer.from(v2Header(network, authorization, signature), 'base64').toString('utf8')) as Record<
      string,
      unknown
    >;
    delete payment['extensions'];
    expect(decodePaymentHeader(encode(payment))).toMatchObject({ kind: 'payment', payload: { paymentIdentifier: null } });
  });

  it('reads URL-safe base64 and lowers the case of hex', async () => {
    const { authorization, signature } = await signed();
    const payload = wirePayload(authorization, signature);
    const upper = {
      ...payload,
      authorization: { ...payload.authorization, from: `0x${authorization.from.slice(2).toUpperCase()}` },
    };
    const header = Buffer.from(
      JSON.stringify({ x402Version: 1, scheme: 'exact', network: 'base-sepolia', payload: upper }),
    ).toString('base64url');
    expect(decodePaymentHeader(header)).toMatchObject({
      kind: 'payment',
      payload: { authorization: { from: authorization.from } },
    });
  });

  it('tells another version from garbage', () => {
    expect(decodePaymentHeader(encode({ x402Version: 3 }))).toEqual({ kind: 'unsupported_version' });
  });

  it.each([
    ['empty JSON', encode({})],
    ['null', encode(null)],
    ['a number', encode(7)],
    ['an array', encode([])],
    ['no base64', '{"x402Version":1}'],
    ['no JSON', Buffer.from('hello').toString('base64')],
    ['version as text', encode({ x402Version: '2' })],
    ['v1 without payload', encode({ x402Version: 1, scheme: 'exact', network: 'base' })],
    ['v2 without accepted', encode({ x402Version: 2, payload: {} })],
    ['too long', 'A'.repeat(MAX_PAYMENT_HEADER_CHARS + 1)],
  ])('calls %s malformed', (_, header) => {
    expect(decodePaymentHeader(header).kind).toBe('malformed');
  });

  it('carries the name that a v2 buyer gave his request, and refuses one that cannot be kept', async () => {
    const { authorization, signature } = await signed();
    const named = (id: string) => decodePaymentHeader(v2Header(network, authorization, signature, 1_000n, id));
    expect(named('order-0123456789')).toMatchObject({ payload: { paymentIdentifier: 'order-0123456789' } });
    expect(named('order 0123456789').kind).toBe('malformed');
    expect(decodePaymentHeader(v2Header(network, authorization, signature))).toMatchObject({
      payload: { paymentIdentifier: null },
    });
  });

  it.each([
    ['value', '-1'],
    ['value', '1.5'],
    ['value', '0x10'],
    ['value', (1n << 256n).toString()],
    ['validBefore', 'soon'],
    ['nonce', '0x01'],
    ['from', '0x1234'],
    ['to', 'vitalik.eth'],
  ])('calls an authorization with %s = %s malformed', async (field, value) => {
    const { authorization, signature } = await signed();
    const payload = wirePayload(authorization, signature);
    const broken = { ...payload, authorization: { ...payload.authorization, [field]: value } };
    expect(decodePaymentHeader(encode({ x402Version: 1, scheme: 'exact', network: 'base-sepolia', payload: broken })).kind).toBe(
      'malformed',
    );
  });
});

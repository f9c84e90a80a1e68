import {
  maxTimeoutSeconds,
  minTimeLeftMs,
  REJECTIONS,
  rejectionOfTerms,
  type ExpectedTerms,
  type PaymentPayload,
} from './authorization';
import type { Hex } from './networks';

const PAY_TO: Hex = '0x90f79bf6eb2c4f870365e785982e1f101e93b906';
const PAYER: Hex = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
const ASSET: Hex = '0x036cbd53842c5426634e7929541ec2318f3dcf7e';
const NOW_S = 1_800_000_000n;

const terms: ExpectedTerms = {
  payTo: PAY_TO,
  asset: ASSET,
  priceAtomic: 1_000n,
  houseWallets: ['0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc'],
  minTimeLeftMs: 6_000,
  nowMs: Number(NOW_S) * 1000,
};

function payload(change: Partial<PaymentPayload['authorization']> = {}, rest: Partial<PaymentPayload> = {}): PaymentPayload {
  return {
    x402Version: 2,
    scheme: 'exact',
    network: 'eip155:84532',
    accepted: { amount: '1000', asset: ASSET, payTo: PAY_TO },
    authorization: {
      from: PAYER,
      to: PAY_TO,
      valueAtomic: 1_000n,
      validAfter: 0n,
      validBefore: NOW_S + 300n,
      nonce: `0x${'01'.repeat(32)}`,
      ...change,
    },
    paymentIdentifier: null,
    signature: '0x',
    ...rest,
  };
}

describe('rejectionOfTerms', () => {
  it('accepts a fitting payment of both versions', () => {
    expect(rejectionOfTerms(payload(), terms)).toBeNull();
    expect(rejectionOfTerms(payload({}, { x402Version: 1, accepted: null }), terms)).toBeNull();
  });

  it('compares addresses without case, as buyers send checksums', () => {
    const accepted = { amount: '1000', asset: ASSET.toUpperCase().replace('0X', '0x'), payTo: PAY_TO };
    expect(rejectionOfTerms(payload({}, { accepted }), terms)).toBeNull();
  });

  it('takes an overpayment in v1 only', () => {
    expect(rejectionOfTerms(payload({ valueAtomic: 1_001n }, { x402Version: 1, accepted: null }), terms)).toBeNull();
    expect(rejectionOfTerms(payload({ valueAtomic: 1_001n }), terms)).toBe(REJECTIONS.valueMismatch);
  });

  it.each([
    ['another recipient', payload({ to: PAYER }), REJECTIONS.recipient],
    ['payTo as payer', payload({ from: PAY_TO }), REJECTIONS.payer],
    ['a settler as payer', payload({ from: terms.houseWallets[0]! }), REJECTIONS.payer],
    ['too little in v1', payload({ valueAtomic: 999n }, { x402Version: 1, accepted: null }), REJECTIONS.value],
    ['an old price in v2', payload({}, { accepted: { amount: '900', asset: ASSET, payTo: PAY_TO } }), REJECTIONS.requirements],
    ['another asset', payload({}, { accepted: { amount: '1000', asset: PAYER, payTo: PAY_TO } }), REJECTIONS.requirements],
    ['validAfter now, which the token refuses', payload({ validAfter: NOW_S }), REJECTIONS.validAfter],
    ['too little time left', payload({ validBefore: NOW_S + 5n }), REJECTIONS.validBefore],
  ])('refuses %s', (_, candidate, rejection) => {
    expect(rejectionOfTerms(candidate, terms)).toBe(rejection);
  });

  it('takes exactly the least time left', () => {
    expect(rejectionOfTerms(payload({ validBefore: NOW_S + 6n }), terms)).toBeNull();
  });

  it('takes a validity beyond any number', () => {
    expect(rejectionOfTerms(payload({ validBefore: (1n << 256n) - 1n }), terms)).toBeNull();
  });
});

describe('time windows', () => {
  it('leave 20 s after the operation and quote at least 300 s', () => {
    expect(minTimeLeftMs(0)).toBe(20_000);
    expect(minTimeLeftMs(60_000)).toBe(80_000);
    expect(maxTimeoutSeconds(60_000)).toBe(300);
    expect(maxTimeoutSeconds(600_000)).toBe(660);
  });
});

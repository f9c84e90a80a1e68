import { NETWORKS } from './networks';
import { formatUsd, paymentRequiredV1, paymentRequiredV2, receiptFor, type Terms } from './terms';

const terms: Terms = {
  operation: 'sandbox.create',
  network: NETWORKS.base,
  payTo: '0x90f79bf6eb2c4f870365e785982e1f101e93b906',
  priceAtomic: 10_000n,
  feeAtomic: 0n,
  priceListVersion: 1,
  maxTimeoutSeconds: 300,
  resourceUrl: 'https://seller.example/api/v1/modal/sandbox/create',
  description: 'sandbox create',
};

describe('formatUsd', () => {
  it.each([
    [10_000n, '0.0100'],
    [1_000n, '0.0010'],
    [1n, '0.000001'],
    [1_234_560n, '1.23456'],
    [192_000_000n, '192.0000'],
    [123_456_789_012_345_678_901n, '123456789012345.678901'],
  ])('prints %s as %s', (amount, text) => expect(formatUsd(amount)).toBe(text));
});

describe('402 terms', () => {
  it('v2 carries the exact requirement that buyers take blindly from accepts[0]', () => {
    expect(paymentRequiredV2(terms, 'Payment Required')).toEqual({
      x402Version: 2,
      error: 'Payment Required',
      resource: { url: terms.resourceUrl, description: 'sandbox create', mimeType: 'application/json' },
      accepts: [
        {
          scheme: 'exact',
          network: 'eip155:8453',
          amount: '10000',
          asset: '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
          payTo: terms.payTo,
          maxTimeoutSeconds: 300,
          extra: { name: 'USD Coin', version: '2' },
        },
      ],
      extensions: {
        'payment-identifier': {
          info: { required: false },
          schema: expect.objectContaining({
            properties: {
              required: { type: 'boolean' },
              id: { type: 'string', minLength: 16, maxLength: 128, pattern: '^[a-zA-Z0-9_-]+$' },
            },
          }) as unknown,
        },
      },
    });
  });

  it('v1 carries resource, description and mimeType in the requirement and no outputSchema', () => {
    expect(paymentRequiredV1(terms, 'Payment Required')).toEqual({
      x402Version: 1,
      error: 'Payment Required',
      price: { amount: '0.0100', currency: 'USD' },
      accepts: [
        {
          scheme: 'exact',
          network: 'base',
          maxAmountRequired: '10000',
          resource: terms.resourceUrl,
          description: 'sandbox create',
          mimeType: 'application/json',
          asset: '0x833589fcd6edb6e08f4c7c32d4f71b54bda02913',
          payTo: terms.payTo,
          maxTimeoutSeconds: 300,
          extra: { name: 'USD Coin', version: '2' },
        },
      ],
    });
  });

  it('receipts name the network as the buyer does', () => {
    const receipt = { success: true, transaction: '0xabc', payer: terms.payTo };
    expect(receiptFor(1, terms.network, receipt)).toEqual({ ...receipt, network: 'base' });
    expect(receiptFor(2, terms.network, receipt)).toEqual({ ...receipt, network: 'eip155:8453' });
  });
});

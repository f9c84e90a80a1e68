import { usdText } from './usd';

describe('atomic USDC as a text', () => {
  it.each([
    [10_000n, '0.01'],
    [1_000n, '0.001'],
    [1n, '0.000001'],
    [1_000_000n, '1.00'],
    [123_456_789n, '123.456789'],
    [10n ** 24n, '1000000000000000000.00'],
  ])('%d is %s', (atomic, expected) => {
    expect(usdText(atomic)).toBe(expected);
  });
});

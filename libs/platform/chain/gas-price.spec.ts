import { replacementPrice } from './gas-price';

describe('the price of a replacement', () => {
  const price = (wei: bigint) => ({ maxFeePerGasWei: wei, maxPriorityFeePerGasWei: wei / 10n });

  it('is an eighth higher, rounded up, or what gas costs now if that is more', () => {
    expect(replacementPrice(price(1_001n), price(500n), 5_000n)).toEqual({
      maxFeePerGasWei: 1_127n,
      maxPriorityFeePerGasWei: 113n,
    });
    expect(replacementPrice(price(1_000n), price(3_000n), 5_000n)).toEqual(price(3_000n));
    expect(replacementPrice(price(0n), price(0n), 5_000n)).toEqual(price(0n));
  });

  it('never passes the ceiling', () => {
    expect(replacementPrice(price(1_000n), price(900n), 1_125n)).not.toBeNull();
    expect(replacementPrice(price(1_000n), price(900n), 1_124n)).toBeNull();
    expect(replacementPrice(price(1_000n), price(5_001n), 5_000n)).toBeNull();
  });
});

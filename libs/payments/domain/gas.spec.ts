import { shareOut } from './gas';

describe('the gas of a batch', () => {
  it.each([
    [10n, 3, [4n, 3n, 3n]],
    [9n, 3, [3n, 3n, 3n]],
    [1n, 3, [1n, 0n, 0n]],
  ])('%s wei over %s payments', (total, count, shares) => {
    expect(shareOut(total, count)).toEqual(shares);
    expect(shareOut(total, count).reduce((sum, share) => sum + share, 0n)).toBe(total);
  });
});

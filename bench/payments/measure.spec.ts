import { median } from './measure';
import { compareMoney, type MoneyState } from './money';

describe('median', () => {
  it('is the middle one, or the mean of the two in the middle', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });
});

describe('compareMoney', () => {
  const state = (atomic: bigint, journalAtomic = atomic, otherPayments = 0): MoneyState => ({
    payToAtomic: atomic,
    settledAtomic: atomic,
    settledPayments: Number(atomic / 1_000n),
    otherPayments,
    journalAtomic,
  });
  const ours = { name: 'ours', terms: { amount: '1000' } } as const;
  const peer = { name: 'peer', terms: { amount: '1000' } } as const;

  it('agrees when answers, chain, payments and journal say the same', () => {
    expect(compareMoney('s', ours, 3, state(5_000n), state(8_000n))).toMatchObject({ agrees: true, arrivedAtomic: 3_000n });
  });

  it('disagrees when one of the four differs', () => {
    const before = state(5_000n);
    expect(compareMoney('s', ours, 4, before, state(8_000n)).agrees).toBe(false);
    expect(compareMoney('s', ours, 3, before, state(8_000n, 7_000n)).agrees).toBe(false);
    expect(compareMoney('s', ours, 3, before, { ...state(8_000n), settledAtomic: 7_000n }).agrees).toBe(false);
    expect(compareMoney('s', ours, 3, before, { ...state(8_000n), payToAtomic: 9_000n }).agrees).toBe(false);
    expect(compareMoney('s', ours, 3, before, state(8_000n, 8_000n, 1)).agrees).toBe(false);
  });

  it('lets the peer take more than it answered for, and no less', () => {
    expect(compareMoney('s', peer, 3, state(0n), state(4_000n)).agrees).toBe(true);
    expect(compareMoney('s', peer, 3, state(0n), state(2_000n)).agrees).toBe(false);
  });
});

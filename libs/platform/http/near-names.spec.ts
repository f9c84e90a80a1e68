import { didYouMean, nearNames } from './near-names';

const ACCOUNTS = ['treasury', 'authorized', 'in_flight', 'refunds', 'refunds_due', 'revenue:sandbox.exec'];

describe('names that were meant', () => {
  it.each([
    ['tresury', ['treasury']],
    ['Treasury', ['treasury']],
    ['inflight', ['in_flight']],
    ['refund', ['refunds', 'refunds_due']],
    ['exec', ['revenue:sandbox.exec']],
    ['nonsense', []],
    ['', []],
  ])('by %j are %j', (written, names) => {
    expect(nearNames(written, ACCOUNTS)).toEqual(names);
  });

  it('are offered only where there are some', () => {
    expect(didYouMean('refund', ACCOUNTS)).toBe('; did you mean `refunds` or `refunds_due`?');
    expect(didYouMean('nonsense', ACCOUNTS)).toBe('');
  });
});

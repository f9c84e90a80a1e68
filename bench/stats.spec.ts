import { quantile, summarize } from './stats';

const oneTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe('quantile', () => {
  it('is the value at the nearest rank', () => {
    expect(quantile(oneTo(100), 0.5)).toBe(50);
    expect(quantile(oneTo(100), 0.99)).toBe(99);
    expect(quantile(oneTo(1_000), 0.99)).toBe(990);
  });

  it('is the largest value where there are too few for the quantile', () => {
    expect(quantile(oneTo(60), 0.99)).toBe(60);
    expect(quantile([7], 0.5)).toBe(7);
  });

  it('of nothing is not a number', () => {
    expect(quantile([], 0.5)).toBeNaN();
  });
});

describe('summarize', () => {
  it('sorts by value, not by text, and leaves its input as it was', () => {
    const latencies = [100, 9, 20];
    expect(summarize(latencies)).toEqual({ p50Ms: 20, p99Ms: 100 });
    expect(latencies).toEqual([100, 9, 20]);
  });
});

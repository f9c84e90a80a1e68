import { Sampler } from './sampler';

describe('the sampler', () => {
  it('lets one event of a kind through per window and counts the rest', () => {
    const sampler = new Sampler(60_000, 10);
    expect(sampler.admit('a', 0)).toBe(0);
    expect(sampler.admit('a', 1)).toBeUndefined();
    expect(sampler.admit('b', 1)).toBe(0);
    expect(sampler.admit('a', 59_999)).toBeUndefined();
    expect(sampler.admit('a', 60_000)).toBe(2);
    expect(sampler.admit('a', 120_000)).toBe(0);
  });

  it('remembers no more kinds than its bound', () => {
    const sampler = new Sampler(60_000, 2);
    for (const key of ['a', 'b', 'c']) sampler.admit(key, 0);
    expect(sampler.admit('a', 1)).toBe(0);
    expect(sampler.admit('c', 1)).toBeUndefined();
  });
});

import { poolTargets, profileOf, type PoolBounds, type ProfileDemand } from './pool';

const order = { image: 'python:3.11', cpuMillis: 1_000, memoryMiB: 512, gpu: null, lifetimeMs: 300_000 };

describe('the profile of an order', () => {
  it('does not depend on the lifetime', () => {
    expect(profileOf(order)).toEqual({ image: 'python:3.11', cpuMillis: 1_000, memoryMiB: 512 });
    expect(profileOf({ ...order, lifetimeMs: 1 })).toEqual(profileOf(order));
  });

  it.each([
    { gpu: 'T4' },
    { env: { A: '1' } },
    { ports: [80] },
    { network: { policy: 'none' } },
    { name: 'mine' },
    { anything: 1 },
  ])('there is none with %p', (more) => expect(profileOf({ ...order, ...more } as never)).toBeNull());

  it.each([{ env: {} }, { ports: [] }, { network: undefined }, { name: null }])('%p asks for nothing', (more) =>
    expect(profileOf({ ...order, ...more } as never)).not.toBeNull(),
  );
});

describe('the size of the pool', () => {
  const bounds: PoolBounds = { min: 2, max: 10, leadMs: 30_000, costCeilingUsdE12PerHour: 1_000n };
  const demand = (image: string, creates: number, usdE12PerHour: bigint | null = 0n): ProfileDemand => ({
    profile: { image, cpuMillis: 1_000, memoryMiB: 512 },
    creates,
    usdE12PerHour,
  });
  const targets = (...demands: ProfileDemand[]) => {
    const sized = poolTargets(demands, 600_000, bounds);
    return demands.map((wish) => sized.find((one) => one.demand === wish)?.target);
  };

  it('is the least without demand, and follows twice the demand of the lead time', () => {
    expect(targets(demand('a', 0))).toEqual([2]);
    expect(targets(demand('a', 40))).toEqual([4]);
    expect(targets(demand('a', 0), demand('b', 1))).toEqual([2, 1]);
  });

  it('never exceeds the most of all profiles; the most wanted come first', () => {
    expect(targets(demand('a', 60), demand('b', 80))).toEqual([2, 8]);
    expect(targets(demand('a', 1_000), demand('b', 999))).toEqual([10, 0]);
  });

  it('never costs more than the ceiling, and buys nothing of unknown cost', () => {
    expect(targets(demand('a', 100, 300n))).toEqual([3]);
    expect(targets(demand('a', 100, 1_001n))).toEqual([0]);
    expect(targets(demand('a', 100, 200n), demand('b', 60, 100n))).toEqual([5, 0]);
    expect(targets(demand('a', 100, null), demand('b', 20, 0n))).toEqual([0, 2]);
  });
});

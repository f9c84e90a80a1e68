import { costOf, type ProviderRate, type Usage } from './provider-cost';

const start = new Date('2026-11-01T00:00:00.000Z');
const usage = (changes: Partial<Usage> & { ms: number }): Usage => ({
  provider: 'modal',
  cpuMillis: 1_000,
  memoryMib: 1_024,
  gpu: null,
  startedAt: start,
  endedAt: new Date(start.getTime() + changes.ms),
  ...changes,
});
const rate = (resource: string, usdE12PerSecond: bigint, version = 1, effectiveFrom = new Date(0)): ProviderRate => ({
  ...{ provider: 'modal', resource, version, effectiveFrom, usdE12PerSecond },
});
const rates = [rate('cpu', 39_420_000n), rate('memory', 6_720_000n), rate('gpu:T4', 164_000_000n)];

describe('the cost of a sandbox', () => {
  it('is that of a core, a GiB and a card for every second that was begun', () => {
    expect(costOf(usage({ ms: 300_000 }), rates)).toBe(13_842_000_000n); // $0.013842
    expect(costOf(usage({ ms: 1, gpu: 'T4' }), rates)).toBe(210_140_000n);
    expect(costOf(usage({ ms: 1_001, cpuMillis: 125, memoryMib: 128 }), rates)).toBe(2n * (4_927_500n + 840_000n));
    expect(costOf(usage({ ms: 0 }), rates)).toBe(0n);
  });

  it('is rounded up, never to nothing', () => {
    expect(costOf(usage({ ms: 1, cpuMillis: 1, memoryMib: 1 }), [rate('cpu', 1n), rate('memory', 1n)])).toBe(1n);
  });

  it('goes by the newest version that is in effect at the start', () => {
    const later = new Date(start.getTime() + 1);
    const versions = [rate('cpu', 1n), rate('cpu', 2n, 2, start), rate('cpu', 3n, 3, later), rate('memory', 0n)];
    expect(costOf(usage({ ms: 1_000 }), versions)).toBe(2n);
    expect(costOf(usage({ ms: 1_000, startedAt: later, endedAt: new Date(later.getTime() + 1_000) }), versions)).toBe(3n);
  });

  it('is unknown without a rate', () => {
    expect(costOf(usage({ ms: 1_000, gpu: 'L40S' }), rates)).toBeNull();
    expect(costOf(usage({ ms: 1_000, provider: 'other' }), rates)).toBeNull();
  });
});

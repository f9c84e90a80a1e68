import type { Measurement } from './contest';
import { ratiosOf, table } from './report';

const measured = (one: Partial<Measurement>): Measurement => ({
  work: 'exec true',
  contender: 'paid call',
  concurrency: 1,
  calls: 10,
  perSecond: 10,
  p50Ms: 100,
  p99Ms: 200,
  cpuMsPerCall: {},
  ...one,
});

describe('ratiosOf', () => {
  it('divides medians of one caller, and turns calls per second around, so that above 1 is slower in both', () => {
    const ratios = ratiosOf([
      measured({ contender: 'raw engine', p50Ms: 50 }),
      measured({ p50Ms: 125 }),
      measured({ contender: 'raw engine', concurrency: 8, perSecond: 30, p50Ms: 1 }),
      measured({ concurrency: 8, perSecond: 20, p50Ms: 1_000 }),
    ]);
    expect(ratios.map(({ concurrency, timesRaw }) => [concurrency, timesRaw])).toEqual([
      [1, 2.5],
      [8, 1.5],
    ]);
  });

  it('compares nothing with a peer of other work', () => {
    expect(ratiosOf([measured({ contender: 'raw engine', work: 'create' }), measured({})])).toEqual([]);
  });
});

describe('table', () => {
  it('aligns names left and figures right', () => {
    expect(
      table([
        ['name', 'n'],
        ['a', '100'],
      ]),
    ).toBe('name    n\na     100');
  });
});

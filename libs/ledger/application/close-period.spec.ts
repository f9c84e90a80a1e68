import type { PeriodBoundary } from '../domain/period';
import { ClosePeriod } from './close-period';
import type { PeriodStore } from './ports/period-store';

const NOW = new Date('2026-12-15T10:00:00.000Z');

/** Books without an entry. */
class EmptyBooks implements Partial<PeriodStore> {
  barriers = 0;
  now = () => Promise.resolve(NOW);
  newest = () => Promise.resolve(null);
  setBarrier = () => Promise.resolve(BigInt(++this.barriers));
  haveEnded = () => Promise.resolve(true);
  // eslint-disable-next-line @typescript-eslint/require-await -- there is nothing to wait for
  async *blocks() {
    yield [];
  }
  append = () => Promise.resolve(true);
}

describe('the end of a period', () => {
  const close = (books: EmptyBooks, until: string, boundary: PeriodBoundary, settlingMs = 0) =>
    new ClosePeriod(books as unknown as PeriodStore, { waitMs: 10, pollMs: 5, settlingMs, boundary }).run({
      until: new Date(until),
      requestedBy: 'key',
    });

  it.each([
    ['2026-12-15T00:00:00Z', 'day', 36_000_000],
    ['2026-12-15T01:00:00+01:00', 'day', 0],
    ['2026-12-01T00:00:00Z', 'month', 0],
    ['2026-12-15T10:00:00Z', 'none', 0],
  ] as const)('may be %s with the boundary %s', async (until, boundary, settlingMs) => {
    expect((await close(new EmptyBooks(), until, boundary, settlingMs)).untilAt).toEqual(new Date(until));
  });

  it.each([
    ['2026-12-15T00:00:00.001Z', 'day', 0, 'invalid_body', '2026-12-15T00:00:00.000Z', undefined],
    ['2026-12-15T00:00:00+01:00', 'day', 0, 'invalid_body', '2026-12-15T00:00:00.000Z', undefined],
    ['2026-12-14T00:00:00Z', 'month', 0, 'invalid_body', '2026-12-01T00:00:00.000Z', undefined],
    ['2026-12-16T00:00:00Z', 'day', 0, 'period_not_over', '2026-12-15T00:00:00.000Z', 50_400],
    ['2026-12-15T00:00:00Z', 'day', 36_060_000, 'period_not_over', '2026-12-14T00:00:00.000Z', 60],
    ['2026-12-15T10:00:00.001Z', 'none', 0, 'period_not_over', '2026-12-15T10:00:00.000Z', 1],
  ] as const)(
    'is not %s with the boundary %s, %i ms of settling',
    async (until, boundary, settlingMs, code, newest, retryAfter) => {
      const books = new EmptyBooks();
      await expect(close(books, until, boundary, settlingMs)).rejects.toMatchObject({
        code,
        suggestion: expect.stringContaining(newest) as string,
        retryAfterSeconds: retryAfter,
      });
      expect(books.barriers).toBe(0);
    },
  );
});

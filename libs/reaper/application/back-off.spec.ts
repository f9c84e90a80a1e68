import { backOffMs, MAX_BACK_OFF_MS } from './back-off';

describe('the wait after a provider error', () => {
  it('doubles with every attempt, up to a limit', () => {
    const waits = [1, 2, 3, 4].map((attempts) => backOffMs({ kind: 'unavailable', attempts }, 1));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(backOffMs({ kind: 'unavailable', attempts: 1_000 }, 1)).toBe(MAX_BACK_OFF_MS);
  });

  it('is half chance', () => {
    expect(backOffMs({ kind: 'timeout', attempts: 1 }, 0)).toBe(1_000);
    expect(backOffMs({ kind: 'timeout', attempts: 1 }, 0.5)).toBe(1_500);
  });

  it('is longer where somebody has to repair something', () => {
    expect(backOffMs({ kind: 'misconfigured', attempts: 1 }, 0)).toBeGreaterThan(
      backOffMs({ kind: 'unavailable', attempts: 1 }, 1),
    );
  });

  it('is never shorter than the provider asks for', () => {
    expect(backOffMs({ kind: 'rate_limited', attempts: 1, retryAfterMs: 7_000 }, 0)).toBe(8_000);
  });
});

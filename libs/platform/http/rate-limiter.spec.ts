import { RateLimiter } from './rate-limiter';

describe('the rate limiter', () => {
  it('lets a full minute come at once, then refuses and says when to come back', () => {
    const limiter = new RateLimiter(60, 10);
    for (let call = 0; call < 60; call++) expect(limiter.take('a', 0)).toEqual({ allowed: true });
    expect(limiter.take('a', 0)).toEqual({ allowed: false, retryAfterSeconds: 1 });
    expect(limiter.take('a', 999)).toEqual({ allowed: false, retryAfterSeconds: 1 });
    expect(limiter.take('a', 1_000)).toEqual({ allowed: true });
    expect(limiter.take('a', 1_000)).toMatchObject({ allowed: false });
  });

  it('names a wait after which one request really passes', () => {
    const limiter = new RateLimiter(1, 10);
    limiter.take('a', 0);
    const refused = limiter.take('a', 1_500);
    expect(refused).toEqual({ allowed: false, retryAfterSeconds: 59 });
    expect(limiter.take('a', 1_500 + 59_000)).toEqual({ allowed: true });
  });

  it('counts each key by itself and never saves up more than a minute', () => {
    const limiter = new RateLimiter(2, 10);
    limiter.take('a', 0);
    limiter.take('a', 0);
    expect(limiter.take('a', 0).allowed).toBe(false);
    expect(limiter.take('b', 0).allowed).toBe(true);
    const hourLater = 3_600_000;
    expect([1, 2, 3].map(() => limiter.take('a', hourLater).allowed)).toEqual([true, true, false]);
  });

  it('does not grant tokens when the clock goes back', () => {
    const limiter = new RateLimiter(1, 10);
    limiter.take('a', 60_000);
    expect(limiter.take('a', 0).allowed).toBe(false);
  });

  it('forgets the key unused for longest and never grows past its bound', () => {
    const limiter = new RateLimiter(1, 3);
    for (const key of ['a', 'b', 'c']) limiter.take(key, 0);
    limiter.take('a', 1);
    limiter.take('d', 1);
    expect(limiter.size).toBe(3);
    expect(limiter.take('a', 2).allowed).toBe(false);
    expect(limiter.take('b', 2).allowed).toBe(true);
    for (let key = 0; key < 1_000; key++) limiter.take(String(key), 3);
    expect(limiter.size).toBe(3);
  });
});

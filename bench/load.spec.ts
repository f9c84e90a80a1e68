import { setImmediate as turn } from 'node:timers/promises';
import { runLoad } from './load';

const { signal } = new AbortController();

describe('runLoad', () => {
  it('makes every call once and never more at a time than asked for', async () => {
    const made: number[] = [];
    let running = 0;
    let mostRunning = 0;
    const calls = Array.from({ length: 20 }, (_, index) => async () => {
      mostRunning = Math.max(mostRunning, ++running);
      await turn();
      made.push(index);
      running--;
    });
    const { latenciesMs } = await runLoad(calls, { concurrency: 4, maxMs: 60_000, signal });
    expect(made.sort((one, other) => one - other)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(latenciesMs).toHaveLength(20);
    expect(mostRunning).toBe(4);
  });

  it('starts no further call when its time is over, but one for every caller', async () => {
    let made = 0;
    const calls = Array.from({ length: 20 }, () => async () => {
      made++;
      await turn();
    });
    expect((await runLoad(calls, { concurrency: 3, maxMs: 0, signal })).latenciesMs).toHaveLength(3);
    expect(made).toBe(3);
  });

  it('fails when a call fails, and starts no further one', async () => {
    let made = 0;
    const calls = Array.from({ length: 20 }, (_, index) => async () => {
      made++;
      await turn();
      if (index === 2) throw new Error('call 2: 500');
    });
    await expect(runLoad(calls, { concurrency: 1, maxMs: 60_000, signal })).rejects.toThrow('call 2: 500');
    expect(made).toBe(3);
  });

  it('starts no further call when it is told to end', async () => {
    const ending = new AbortController();
    let made = 0;
    const calls = Array.from({ length: 20 }, () => async () => {
      made++;
      await turn();
      if (made === 5) ending.abort(new Error('ended by SIGINT'));
    });
    const running = runLoad(calls, { concurrency: 1, maxMs: 60_000, signal: ending.signal });
    await expect(running).rejects.toThrow('ended by SIGINT');
    expect(made).toBe(5);
  });
});

import { ProviderError } from '../../application/ports/provider';
import type { CallPace } from './call-pace';
import { CreateQueue, type CreateQueueOptions } from './create-queue';

/** Hands out a moment each time the test says so. */
class ManualPace implements CallPace {
  private waiters: (() => void)[] = [];
  failure: Error | null = null;

  reserve(): Promise<number> {
    if (this.failure !== null) return Promise.reject(this.failure);
    return new Promise((resolve) => this.waiters.push(() => resolve(0)));
  }

  holdOff(): Promise<void> {
    return Promise.resolve();
  }

  async tick(): Promise<void> {
    this.waiters.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const OPTIONS: CreateQueueOptions = { intervalMs: 200, maxLength: 10, maxWaitMs: 1_000 };
const never = new AbortController().signal;

function queueOf(options: Partial<CreateQueueOptions> = {}) {
  const pace = new ManualPace();
  const queue = new CreateQueue(pace, { ...OPTIONS, ...options });
  const started: string[] = [];
  const enter = (owner: string, signal = never) => queue.turn(owner, signal).then(() => void started.push(owner));
  return { pace, started, enter };
}

describe('the queue of creates', () => {
  it('lets owners take turns, however many creates one of them has', async () => {
    const { pace, started, enter } = queueOf();
    void Promise.all(['a', 'a', 'a', 'b', 'c', 'b'].map((owner) => enter(owner)));
    for (let turn = 0; turn < 6; turn += 1) await pace.tick();
    expect(started).toEqual(['a', 'b', 'c', 'a', 'b', 'a']);
  });

  it('gives a moment to who waits when it has come', async () => {
    const { pace, started, enter } = queueOf();
    const leaver = new AbortController();
    const left = enter('a', leaver.signal).catch((error: unknown) => error);
    void enter('b');
    leaver.abort();
    expect(await left).toMatchObject({ kind: 'timeout' });
    await pace.tick();
    expect(started).toEqual(['b']);
  });

  it('refuses a create that finds the queue full, with the time to wait', async () => {
    const { enter } = queueOf({ maxLength: 2 });
    void Promise.all([enter('a'), enter('a')]);
    await expect(enter('b')).rejects.toMatchObject({ kind: 'rate_limited', retryAfterMs: 200 });
  });

  it('refuses the owner whose own creates would keep it waiting too long, and no other', async () => {
    const { pace, started, enter } = queueOf({ maxWaitMs: 400 });
    void Promise.all([enter('a'), enter('a'), enter('a')]);
    await expect(enter('a')).rejects.toMatchObject({ kind: 'rate_limited', retryAfterMs: 200 });
    void enter('b');
    for (let turn = 0; turn < 2; turn += 1) await pace.tick();
    expect(started).toEqual(['a', 'b']);
  });

  it('refuses a create whose deadline has passed already', async () => {
    const { enter } = queueOf();
    await expect(enter('a', AbortSignal.abort())).rejects.toBeInstanceOf(ProviderError);
  });

  it('fails everybody who waits when the pace cannot be had, and works again afterwards', async () => {
    const { pace, started, enter } = queueOf();
    pace.failure = new Error('no database');
    await expect(enter('a')).rejects.toMatchObject({ kind: 'unavailable' });
    pace.failure = null;
    void enter('b');
    await pace.tick();
    expect(started).toEqual(['b']);
  });
});

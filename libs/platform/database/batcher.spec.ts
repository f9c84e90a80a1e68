import { Batcher, BatcherFullError, type BatcherOptions } from './batcher';
import { isRefusedByData } from './sql-errors';
import { uuidV7 } from './uuid-v7';

const BAD = new Error('bad item');

/** Doubles numbers; a batch with a negative one fails. `gates` lets a spec hold batches open. */
function doubler(options: Partial<BatcherOptions<number, number>> = {}) {
  const batches: number[][] = [];
  const gates: (() => void)[] = [];
  let isHeld = false;
  const batcher = new Batcher<number, number>({
    maxSize: 100,
    maxInFlight: 1,
    maxWaiting: 1_000,
    isItemFault: (error) => error === BAD,
    run: async (items) => {
      batches.push([...items]);
      if (isHeld) await new Promise<void>((resolve) => gates.push(resolve));
      if (items.some((item) => item < 0)) throw BAD;
      return items.map((item) => item * 2);
    },
    ...options,
  });
  return {
    batcher,
    batches,
    hold: () => (isHeld = true),
    release: () => {
      isHeld = false;
      for (const open of gates.splice(0)) open();
    },
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a batcher', () => {
  it('runs the calls of one turn together and gives each its own result', async () => {
    const { batcher, batches } = doubler();
    expect(await Promise.all([1, 2, 3].map((item) => batcher.submit(item)))).toEqual([2, 4, 6]);
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('collects what comes while a batch is in flight', async () => {
    const { batcher, batches, hold, release } = doubler();
    hold();
    const first = batcher.submit(1);
    await turn();
    const later = [2, 3].map((item) => batcher.submit(item));
    await turn();
    const last = batcher.submit(4);
    release();
    expect(await Promise.all([first, ...later, last])).toEqual([2, 4, 6, 8]);
    expect(batches).toEqual([[1], [2, 3, 4]]);
  });

  it('keeps to the largest size and to the number of batches at once', async () => {
    const { batcher, batches, hold, release } = doubler({ maxSize: 2, maxInFlight: 2 });
    hold();
    const all = [1, 2, 3, 4, 5].map((item) => batcher.submit(item));
    await turn();
    expect(batches).toEqual([
      [1, 2],
      [3, 4],
    ]);
    release();
    expect(await Promise.all(all)).toEqual([2, 4, 6, 8, 10]);
    expect(batches[2]).toEqual([5]);
  });

  it('keeps to the largest weight, and lets a heavier item go alone', async () => {
    const { batcher, batches } = doubler({ maxWeight: 10, weightOf: (item) => item });
    await Promise.all([50, 4, 5, 6].map((item) => batcher.submit(item)));
    expect(batches).toEqual([[50], [4, 5], [6]]);
  });

  it('fails a bad item alone and does the work of its neighbours', async () => {
    const { batcher } = doubler();
    const settled = await Promise.allSettled([1, 2, -3, 4, 5].map((item) => batcher.submit(item)));
    expect(settled.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as unknown)))).toEqual([2, 4, BAD, 8, 10]);
  });

  it('fails the whole batch, once, when nobody knows what was done', async () => {
    const lost = new Error('connection lost');
    let runs = 0;
    const { batcher } = doubler({
      run: () => {
        runs += 1;
        return Promise.reject(lost);
      },
    });
    const settled = await Promise.allSettled([1, 2].map((item) => batcher.submit(item)));
    expect(settled.map((one) => one.status === 'rejected' && (one.reason as unknown))).toEqual([lost, lost]);
    expect(runs).toBe(1);
  });

  it('goes on after a failure', async () => {
    const { batcher } = doubler();
    await expect(batcher.submit(-1)).rejects.toBe(BAD);
    expect(await batcher.submit(7)).toBe(14);
  });

  it('lets a batch that hangs hold up no others', async () => {
    const { batcher, batches, hold, release } = doubler({ maxInFlight: 2, overlapAfterMs: 20 });
    hold();
    const hanging = batcher.submit(1);
    await turn();
    const later = [batcher.submit(2), batcher.submit(3)];
    await turn();
    expect(batches).toEqual([[1]]);
    while (batches.length < 2) await turn();
    expect(batches).toEqual([[1], [2, 3]]);
    release();
    expect(await Promise.all([hanging, ...later])).toEqual([2, 4, 6]);
  });

  it('refuses more than may wait', async () => {
    const { batcher } = doubler({ maxWaiting: 2 });
    const taken = [1, 2].map((item) => batcher.submit(item));
    await expect(batcher.submit(3)).rejects.toBeInstanceOf(BatcherFullError);
    expect(await Promise.all(taken)).toEqual([2, 4]);
  });
});

describe('errors of the database', () => {
  it.each([
    ['23505', true],
    ['22P02', true],
    ['40P01', true],
    ['40003', false],
    ['57014', false],
    ['ECONNRESET', false],
    [undefined, false],
  ])('%s is about data: %s', (code, expected) => {
    expect(isRefusedByData(Object.assign(new Error('x'), { code }))).toBe(expected);
  });
});

describe('a UUID of version 7', () => {
  it('has its form, its time and no twin', () => {
    const ids = Array.from({ length: 1_000 }, () => uuidV7(0x123456789abc));
    expect(ids.every((id) => /^12345678-9abc-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(1_000);
    expect(uuidV7(2) > uuidV7(1)).toBe(true);
  });
});

import { setImmediate as nextTurn } from 'node:timers/promises';
import { mapConcurrently } from './map-concurrently';

describe('mapping with a limit', () => {
  it('keeps the order and the limit', async () => {
    let running = 0;
    let most = 0;
    const results = await mapConcurrently([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await nextTurn();
      running -= 1;
      return item * 10;
    });
    expect(results).toEqual([10, 20, 30, 40, 50, 60, 70]);
    expect(most).toBe(3);
  });

  it('starts nothing more after a failure', async () => {
    const started: number[] = [];
    const mapping = mapConcurrently([1, 2, 3, 4], 1, async (item) => {
      started.push(item);
      await nextTurn();
      if (item === 2) throw new Error('two');
    });
    await expect(mapping).rejects.toThrow('two');
    expect(started).toEqual([1, 2]);
  });

  it('rejects only after what has started is over', async () => {
    const over: number[] = [];
    const mapping = mapConcurrently([1, 2], 2, async (item) => {
      if (item === 1) throw new Error('first');
      await nextTurn();
      over.push(item);
    });
    await expect(mapping).rejects.toThrow('first');
    expect(over).toEqual([2]);
  });

  it('maps nothing to nothing', async () => {
    await expect(mapConcurrently([], 4, () => Promise.resolve(1))).resolves.toEqual([]);
  });
});

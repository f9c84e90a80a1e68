import { forEachConcurrently } from './for-each-concurrently';

describe('forEachConcurrently', () => {
  it('does everything, never more at once than allowed', async () => {
    let now = 0;
    let most = 0;
    const done: number[] = [];
    await forEachConcurrently([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
      done.push(item);
    });
    expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(most).toBe(3);
  });

  it('rejects with an error only after what has started is over', async () => {
    const over: number[] = [];
    await expect(
      forEachConcurrently([1, 2], 2, async (item) => {
        if (item === 1) throw new Error('first');
        await new Promise((resolve) => setImmediate(resolve));
        over.push(item);
      }),
    ).rejects.toThrow('first');
    expect(over).toEqual([2]);
  });
});

import { setImmediate as nextTurn } from 'node:timers/promises';
import { WorkInHand } from './work-in-hand';

describe('work in hand', () => {
  const on = new AbortController().signal;

  it('keeps the order and the limit, and says when all is done', async () => {
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const work = new WorkInHand<number>(2, async (item) => {
      most = Math.max(most, (running += 1));
      await nextTurn();
      order.push(item);
      running -= 1;
    });
    for (const item of [1, 2, 3, 4, 5]) work.add(String(item), item, on);
    expect(work.size).toBe(5);
    await work.idle();
    expect(order).toEqual([1, 2, 3, 4, 5]);
    expect(most).toBe(2);
    expect(work.size).toBe(0);
    await work.idle();
  });

  it('takes a key that is waiting or under way only once, and again afterwards', async () => {
    const done: string[] = [];
    const work = new WorkInHand<string>(1, async (item) => {
      await nextTurn();
      done.push(item);
    });
    for (const item of ['first', 'second']) work.add('key', item, on);
    await work.idle();
    work.add('key', 'third', on);
    await work.idle();
    expect(done).toEqual(['first', 'third']);
  });

  it('drops what waits when it is told to stop', async () => {
    const stopping = new AbortController();
    const done: number[] = [];
    const work = new WorkInHand<number>(1, async (item) => {
      await nextTurn();
      done.push(item);
    });
    for (const item of [1, 2]) work.add(String(item), item, stopping.signal);
    stopping.abort();
    await work.idle();
    expect(done).toEqual([1]);
  });
});

import { Teardown } from './teardown';

describe('teardown', () => {
  it('runs every step once, last first, and tells all that failed', async () => {
    const ran: string[] = [];
    const teardown = new Teardown();
    teardown.add('first', () => void ran.push('first'));
    teardown.add('second', () => {
      ran.push('second');
      throw new Error('stuck');
    });
    teardown.add('third', () => Promise.resolve(void ran.push('third')));
    await expect(teardown.run()).rejects.toThrow('stopping second: Error: stuck');
    await expect(teardown.run()).rejects.toThrow('stuck');
    expect(ran).toEqual(['third', 'second', 'first']);
  });
});

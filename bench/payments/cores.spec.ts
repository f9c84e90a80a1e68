import { parseCoreList } from './cores';

describe('parseCoreList', () => {
  it('reads single cores and ranges', () => {
    expect(parseCoreList('0-2,5')).toEqual([0, 1, 2, 5]);
    expect(parseCoreList('3\n')).toEqual([3]);
    expect(parseCoreList('')).toEqual([]);
  });
});

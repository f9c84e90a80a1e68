import { figureTable } from './report';

describe('the table of the isolation bench', () => {
  it('puts the runtimes side by side with their ratio', () => {
    const figures = [
      { name: 'create, ms', values: [50, 124.4] },
      { name: 'nothing', values: [0, 0] },
    ];
    expect(figureTable(['runc', 'runsc'], figures).split('\n')).toEqual([
      '|  | runc | runsc | ratio |',
      '| --- | ---: | ---: | ---: |',
      '| create, ms | 50.0 | 124 | 2.5 × |',
      '| nothing | 0.00 | 0.00 | – |',
    ]);
  });
});

import { csvHeader, csvRow, csvTotal } from './csv';
import type { ExportDataset } from './dataset';
import { RunningTotals } from './totals';

const dataset: ExportDataset = {
  columns: [
    { name: 'id', kind: 'serial' },
    { name: 'note', kind: 'text' },
    { name: 'asset', kind: 'text' },
    { name: 'amount', kind: 'amount' },
  ],
  totalsBy: ['asset'],
  summed: ['amount'],
};
const HUGE = (2n ** 256n - 1n).toString();

describe('an export as CSV', () => {
  it.each([
    ['plain', 'plain'],
    [null, ''],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    ['=HYPERLINK("x","y")', `"'=HYPERLINK(""x"",""y"")"`],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(1)', "'@SUM(1)"],
    ['\tx', "'\tx"],
    ['\r=1', `"'\r=1"`],
    ["'=1", "'=1"],
    ['grüße', 'grüße'],
  ])('writes the text %j as %j', (note, cell) => {
    expect(csvRow(dataset, ['1', note, 'USDC', '5'])).toBe(`row,1,${cell},USDC,5\r\n`);
  });

  it('sums up each asset for itself, without losing a unit', () => {
    const totals = new RunningTotals(dataset);
    for (const [asset, amount] of [
      ['USDC', HUGE],
      ['ETH', '1'],
      ['USDC', '1'],
    ] as const)
      totals.add(['1', null, asset, amount]);
    expect(csvHeader(dataset)).toBe('record,id,note,asset,amount\r\n');
    expect(totals.totals().map((total) => csvTotal(dataset, total))).toEqual([
      'total,1,,ETH,1\r\n',
      `total,2,,USDC,${(2n ** 256n).toString()}\r\n`,
    ]);
  });
});

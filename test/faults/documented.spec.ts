import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.join(__dirname, '../..');
const ROW = /^\| (?<fault>.+?) \| `(?<file>test\/[^`]+)`: (?<title>.+?) \| (?<outcome>.+?) \| (?<journal>.+?) \|$/;

/** docs/faults.md names a test for each fault; it stays true only while those tests exist. */
it('shows every fault of the table by a test that exists', () => {
  const lines = readFileSync(path.join(ROOT, 'docs/faults.md'), 'utf8').split('\n');
  const rows = lines.filter((line) => line.startsWith('| ') && !line.startsWith('| fault '));
  const named = rows.map((row) => ROW.exec(row)?.groups ?? { file: row, title: '' });
  expect(named.length).toBeGreaterThan(50);
  const missing = named.filter(({ file = '', title = '' }) => {
    const absolute = path.join(ROOT, file);
    return title === '' || !existsSync(absolute) || !readFileSync(absolute, 'utf8').includes(`'${title}'`);
  });
  expect(missing).toEqual([]);
});

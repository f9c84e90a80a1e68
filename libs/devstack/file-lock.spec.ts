import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withFileLock } from './file-lock';
import { processStartTime } from './processes';

describe('a file lock', () => {
  let directory: string;
  let lock: string;
  beforeEach(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'tollbox-lock-spec-'));
    lock = path.join(directory, 'lock');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is held by one at a time and released when the work fails', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside -= 1;
    };
    await Promise.all([1, 2, 3].map(() => withFileLock(lock, 10_000, work)));
    expect(most).toBe(1);
    await expect(withFileLock(lock, 1_000, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(lock)).toBe(false);
  });

  it('is taken over from a holder that died', async () => {
    writeFileSync(lock, `${process.pid} 1`);
    await expect(withFileLock(lock, 1_000, () => Promise.resolve('mine'))).resolves.toBe('mine');
  });

  it('is not taken from a holder that lives', async () => {
    writeFileSync(lock, `${process.ppid} ${processStartTime(process.ppid) ?? ''}`);
    await expect(withFileLock(lock, 200, () => Promise.resolve('mine'))).rejects.toThrow('held by another run');
  });
});

import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeSeccompFile } from './seccomp-file';
import { SECCOMP_PROFILE_JSON } from './seccomp-profile';

describe('writeSeccompFile', () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(path.join(tmpdir(), 'tollbox seccomp-'))));
  afterEach(() => rm(directory, { recursive: true }));

  it('writes the profile once, in a directory that it makes', async () => {
    const file = await writeSeccompFile(path.join(directory, 'a b', 'seccomp'));
    expect(await readFile(file, 'utf8')).toBe(SECCOMP_PROFILE_JSON);
    const before = await stat(file);
    expect(await writeSeccompFile(path.join(directory, 'a b', 'seccomp'))).toBe(file);
    expect((await stat(file)).ino).toBe(before.ino);
    expect(await readdir(path.dirname(file))).toHaveLength(1);
  });

  it('replaces a file that holds something else', async () => {
    const file = await writeSeccompFile(directory);
    await writeFile(file, '{"defaultAction":"SCMP_ACT_ALLOW"}');
    await writeSeccompFile(directory);
    expect(await readFile(file, 'utf8')).toBe(SECCOMP_PROFILE_JSON);
  });
});

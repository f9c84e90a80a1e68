import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SECCOMP_PROFILE_FILE, SECCOMP_PROFILE_JSON } from './seccomp-profile';

async function holdsProfile(file: string): Promise<boolean> {
  try {
    return (await readFile(file, 'utf8')) === SECCOMP_PROFILE_JSON;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Writes the profile for an engine that takes a path instead of the profile itself (Podman's compatible API), and returns
 * the path. The directory belongs to Tollbox and is seen by the engine under the same name. Safe with several processes.
 */
export async function writeSeccompFile(directory: string): Promise<string> {
  const file = path.join(path.resolve(directory), SECCOMP_PROFILE_FILE);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
  if (!(await holdsProfile(file))) {
    const unfinished = `${file}.${process.pid}`;
    await writeFile(unfinished, SECCOMP_PROFILE_JSON, { mode: 0o644 });
    await rename(unfinished, file);
  }
  return file;
}

import { accessSync, constants, existsSync, mkdtempSync, chmodSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

function isProjectRoot(directory: string): boolean {
  const manifest = path.join(directory, 'package.json');
  if (!existsSync(manifest)) return false;
  const parsed: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'name' in parsed && parsed.name === 'tollbox';
}

/** The clone this code belongs to, whether it runs from libs/ (jest) or from dist/libs/ (npm start). */
export function projectRoot(): string {
  let directory = __dirname;
  while (!isProjectRoot(directory)) {
    const parent = path.dirname(directory);
    if (parent === directory) throw new Error(`no project root above ${__dirname}`);
    directory = parent;
  }
  return directory;
}

/**
 * Git-ignored state of this clone: run records, dev.json, compiled contracts, the container engine's storage.
 * TOLLBOX_STATE_DIRECTORY puts it elsewhere, for a second stack beside the clone's own.
 */
export function stateDirectory(): string {
  const elsewhere = process.env['TOLLBOX_STATE_DIRECTORY'];
  return elsewhere === undefined || elsewhere === '' ? path.join(projectRoot(), '.tollbox') : path.resolve(elsewhere);
}

/** Whether a process of `uid`/`gid` can reach `file` through every directory above it and read it. */
export function isReachableBy(file: string, uid: number, gid: number): boolean {
  let current = path.resolve(file);
  for (;;) {
    const { mode, uid: owner, gid: group, isDirectory } = describe(current);
    const shift = owner === uid ? 6 : group === gid ? 3 : 0;
    const needed = isDirectory ? 0o1 : 0o4;
    if (((mode >> shift) & needed) === 0) return false;
    const parent = path.dirname(current);
    if (parent === current) return true;
    current = parent;
  }
}

function describe(file: string) {
  const stat = statSync(file);
  return { mode: stat.mode, uid: stat.uid, gid: stat.gid, isDirectory: stat.isDirectory() };
}

function isUsableTemporaryRoot(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    // Nobody's uid stands for "any other user": PostgreSQL does not run as root.
    return process.getuid?.() !== 0 || isReachableBy(directory, 65_534, 65_534);
  } catch {
    return false; // absent or not writable: the next candidate is tried, and none at all is an error below
  }
}

/** A fresh directory for one run, outside the clone, which other users may cross but not list. */
export function createRunDirectory(kind: string): string {
  const root = [os.tmpdir(), '/tmp', '/var/tmp'].find(isUsableTemporaryRoot);
  if (root === undefined) throw new Error(`no writable temporary directory (tried ${os.tmpdir()}, /tmp, /var/tmp)`);
  const directory = mkdtempSync(path.join(root, `tollbox-${kind}-`));
  chmodSync(directory, 0o711);
  return directory;
}

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '@tollbox/devstack/paths';
import { runCommand } from '@tollbox/devstack/processes';

const DIRECTORY = path.join(projectRoot(), 'bench', 'peers', 'x402-express');
export const PEER_ENTRY = path.join(DIRECTORY, 'server.mjs');
const STAMP = path.join(DIRECTORY, 'node_modules', '.tollbox-lock');
const INSTALL_WITHIN_MS = 300_000;

/** Installs the packages of the peer into its own folder, exactly as its lockfile says; once. */
export async function installPeer(log: (line: string) => void): Promise<void> {
  const lock = createHash('sha256')
    .update(readFileSync(path.join(DIRECTORY, 'package-lock.json')))
    .digest('hex');
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return;
  log('installing the official server (npm ci in bench/peers/x402-express)');
  await runCommand('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: DIRECTORY,
    timeoutMs: INSTALL_WITHIN_MS,
  });
  writeFileSync(STAMP, lock);
}

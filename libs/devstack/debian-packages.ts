import { existsSync, readFileSync } from 'node:fs';
import { runCommand } from './processes';

const UPDATE_TIMEOUT_MS = 300_000;
const INSTALL_TIMEOUT_MS = 900_000;

/** Whether this process may install packages of the distribution: root on Debian, Ubuntu or a relative of theirs. */
export function canInstallPackages(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get') || !existsSync('/etc/os-release')) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
}

/** Installs packages without their recommendations. The caller has asked canInstallPackages(). */
export async function installPackages(names: readonly string[], log: (line: string) => void): Promise<void> {
  log(`installing ${names.join(', ')} from the distribution`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const patience = ['-o', 'DPkg::Lock::Timeout=300'];
  await runCommand('apt-get', ['update', ...patience], { env, timeoutMs: UPDATE_TIMEOUT_MS });
  await runCommand('apt-get', ['install', '-y', '--no-install-recommends', ...patience, ...names], {
    env,
    timeoutMs: INSTALL_TIMEOUT_MS,
  });
}

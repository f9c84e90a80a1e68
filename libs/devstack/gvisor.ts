import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { canInstallPackages } from './debian-packages';
import { backportsOf, readSources, sourceLine } from './debian-sources';
import { withFileLock } from './file-lock';
import { stateDirectory } from './paths';
import { runCommand } from './processes';

/** The oldest release that works: those before it end sandboxes that reach a limit. */
const OLDEST_RELEASE = 20240729;
const ADDRESS_TIMEOUT_MS = 40_000;
const DOWNLOAD_TIMEOUT_MS = 60_000;
const UNPACK_TIMEOUT_MS = 20_000;
const PROBE_TIMEOUT_MS = 10_000;
const LOCK_TIMEOUT_MS = 120_000;

const directory = (): string => path.join(stateDirectory(), 'gvisor');
const programFile = (): string => path.join(directory(), 'runsc');

/** The runsc of this clone, or null where gVisor is not set up. */
export function gvisorProgram(): string | null {
  return existsSync(programFile()) ? programFile() : null;
}

/** Gives it up again; the engine that the clone starts then uses runc. */
export function removeGvisor(): void {
  rmSync(programFile(), { force: true });
}

/** gVisor cannot be had here; the message says why. */
export class NoGvisorError extends Error {
  override readonly name = 'NoGvisorError';
}

/** The release in what `runsc --version` prints (`runsc version 0.0~20240729.0`, `runsc version release-20240729.0`), or null. */
export function releaseOf(versionText: string): number | null {
  const date = /\b(?:release-|0\.0~)?(20\d{6})(?:\.\d+)?\b/.exec(versionText)?.[1];
  return date === undefined ? null : Number(date);
}

async function checkRelease(program: string): Promise<number> {
  const { stdout } = await runCommand(program, ['--version'], { timeoutMs: PROBE_TIMEOUT_MS });
  const release = releaseOf(stdout);
  if (release === null || release < OLDEST_RELEASE)
    throw new NoGvisorError(`gVisor ${release ?? 'of an unknown release'} is too old: ${OLDEST_RELEASE} or newer is needed`);
  return release;
}

/** A runsc that this machine has already and that is new enough. */
async function findInstalled(): Promise<string | null> {
  for (const program of ['/usr/local/bin/runsc', '/usr/bin/runsc']) {
    if (!existsSync(program)) continue;
    const usable = await checkRelease(program).then(
      () => true,
      () => false,
    );
    if (usable) return program;
  }
  return null;
}

/**
 * Takes the package from the distribution's backports into `target`: apt fetches it and checks the archive's signature, as
 * for any package, with lists and caches of our own. Nothing is installed on the machine.
 */
async function download(target: string, log: (line: string) => void): Promise<void> {
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? '';
  const source = backportsOf(readSources(), codename);
  if (source === null)
    throw new NoGvisorError(`the package sources of this machine name no archive of ${codename || 'its release'}`);
  log(`gVisor: fetching runsc from ${source.suites.join(' ')} of this machine's package sources`);
  const work = mkdtempSync(path.join(directory(), 'apt-'));
  try {
    for (const part of ['lists/partial', 'cache/archives/partial', 'unpacked'])
      mkdirSync(path.join(work, part), { recursive: true });
    writeFileSync(path.join(work, 'sources.list'), sourceLine(source));
    const settings = [
      `Dir::Etc::sourcelist=${path.join(work, 'sources.list')}`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::lists=${path.join(work, 'lists')}`,
      `Dir::Cache=${path.join(work, 'cache')}`,
      'Acquire::Languages=none',
      'Acquire::AllowInsecureRepositories=false',
      'APT::Get::AllowUnauthenticated=false',
      'APT::Sandbox::User=root', // the directories are ours; apt's own user cannot write there
    ].flatMap((setting) => ['-o', setting]);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = { cwd: work, env };
    await runCommand('apt-get', [...settings, 'update', '--error-on=any'], { ...options, timeoutMs: ADDRESS_TIMEOUT_MS });
    await runCommand('apt-get', [...settings, 'download', 'runsc'], { ...options, timeoutMs: DOWNLOAD_TIMEOUT_MS });
    const archive = readdirSync(work).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new NoGvisorError('apt downloaded no package of runsc');
    await runCommand('dpkg-deb', ['-x', archive, 'unpacked'], { ...options, timeoutMs: UNPACK_TIMEOUT_MS });
    const program = path.join(work, 'unpacked', 'usr', 'bin', 'runsc');
    await checkRelease(program);
    renameSync(program, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function obtain(log: (line: string) => void): Promise<void> {
  const unfinished = `${programFile()}.${process.pid}`;
  const installed = await findInstalled();
  if (installed !== null) copyFileSync(installed, unfinished);
  else if (canInstallPackages()) await download(unfinished, log);
  else throw new NoGvisorError('no runsc is installed, and only root on Debian can fetch its package');
  renameSync(unfinished, programFile());
}

/**
 * Makes gVisor present in this clone; the engine that the clone starts uses it from then on. Fetches nothing when it is there.
 * @throws NoGvisorError where it cannot be had
 */
export async function ensureGvisor(log: (line: string) => void): Promise<string> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new NoGvisorError('gVisor needs Linux and root');
  mkdirSync(directory(), { recursive: true, mode: 0o700 });
  return withFileLock(path.join(directory(), 'lock'), LOCK_TIMEOUT_MS, async () => {
    try {
      if (!existsSync(programFile())) await obtain(log);
    } catch (cause) {
      if (cause instanceof NoGvisorError) throw cause;
      throw new NoGvisorError(`the package cannot be had: ${(cause as Error).message.split('\n')[0]}`, { cause });
    }
    return `runsc ${await checkRelease(programFile())}`;
  });
}

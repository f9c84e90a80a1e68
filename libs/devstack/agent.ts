import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import path from 'node:path';
import { canInstallPackages, installPackages } from './debian-packages';
import { withFileLock } from './file-lock';
import { projectRoot, stateDirectory } from './paths';
import { runCommand } from './processes';

const COMPILE_TIMEOUT_MS = 120_000;
const PROBE_TIMEOUT_MS = 10_000;
const LOCK_TIMEOUT_MS = 1_200_000;
const COMPILERS = ['cc', 'gcc'] as const;
/** Static, since an image may have no C library or another one. */
const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-static', '-s'];

const sourceDirectory = (): string => path.join(projectRoot(), 'agent');

function sourceFiles(): string[] {
  const names = readdirSync(sourceDirectory()).filter((name) => /\.[ch]$/.test(name));
  return names.sort().map((name) => path.join(sourceDirectory(), name));
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify([FLAGS, process.arch]));
  for (const file of files) hash.update(path.basename(file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex').slice(0, 16);
}

/** A compiler that can link a static program, which needs the C library's own package too; null where there is none. */
async function findCompiler(): Promise<string | null> {
  const options = { timeoutMs: PROBE_TIMEOUT_MS };
  for (const compiler of COMPILERS) {
    const answer = await runCommand(compiler, ['-print-file-name=libc.a'], options).catch(() => null);
    const library = answer?.stdout.trim() ?? '';
    if (path.isAbsolute(library) && existsSync(library)) return compiler;
  }
  return null;
}

async function ensureCompiler(log: (line: string) => void): Promise<string | null> {
  const present = await findCompiler();
  if (present !== null || !canInstallPackages()) return present;
  await installPackages(['gcc', 'libc6-dev'], log);
  return findCompiler();
}

async function compile(compiler: string, files: readonly string[], target: string): Promise<void> {
  const unfinished = `${target}.${process.pid}`;
  const sources = files.filter((file) => file.endsWith('.c'));
  await runCommand(compiler, [...FLAGS, '-o', unfinished, ...sources], { timeoutMs: COMPILE_TIMEOUT_MS });
  renameSync(unfinished, target);
}

/**
 * The value of SANDBOX_AGENT_FILE: the agent for sandboxes, compiled once for each state of its sources, or one that the
 * caller's environment names. Null, with a line that says why, where it cannot be compiled: the container provider then
 * offers only what the engine's own exec can do.
 */
export async function ensureAgent(log: (line: string) => void): Promise<string | null> {
  const given = process.env['SANDBOX_AGENT_FILE'];
  if (given !== undefined && given !== '') return given;
  const files = sourceFiles();
  const directory = path.join(stateDirectory(), 'agent');
  const target = path.join(directory, `tollbox-agent-${hashOf(files)}`);
  if (existsSync(target)) return target;
  mkdirSync(directory, { recursive: true });
  return withFileLock(path.join(directory, 'lock'), LOCK_TIMEOUT_MS, async () => {
    if (existsSync(target)) return target;
    const compiler = await ensureCompiler(log);
    if (compiler === null) {
      log(
        'sandbox agent: no C compiler (Debian, Ubuntu: "apt-get install gcc libc6-dev"); without the agent, commands are slower ' +
          'and variables, working directory, standard input, signals, terminals, background processes and files are refused',
      );
      return null;
    }
    await compile(compiler, files, target);
    log('sandbox agent: compiled');
    return target;
  });
}

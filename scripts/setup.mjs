// Makes a clone ready to run: packages and compiled code; with --engine (npm run setup) also the container engine and
// the sandbox image, with --gvisor (npm run setup:gvisor) also gVisor. Needs nothing but Node. Every step is skipped when its result is there already.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => path.join(root, ...parts);
const LOCK_TIMEOUT_MS = 900_000;
const NPM_TIMEOUT_MS = 900_000;

const say = (line) => process.stderr.write(`setup: ${line}\n`);
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part).update('\0'), createHash('sha256')).digest('hex');
const readIfThere = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : null);

/** npm and native packages keep caches at home; where there is no usable one they get one in this clone. */
function ensureHome() {
  try {
    accessSync(process.env.HOME || os.userInfo().homedir, constants.W_OK);
    if (process.env.HOME === '') delete process.env.HOME;
  } catch {
    mkdirSync(at('.tollbox', 'home'), { recursive: true });
    process.env.HOME = at('.tollbox', 'home');
  }
  process.env.SWC_NATIVE_BINDING_CACHE ??= at('node_modules', '.cache', 'swc');
}

function run(command, args, timeoutMs) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? code}:\n${output.slice(-4_000)}`));
    });
  });
}

function startTimeOf(pid) {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** One setup at a time in this clone; the lock of a process that died is taken over. */
async function withLock(work) {
  mkdirSync(at('.tollbox'), { recursive: true });
  const lock = at('.tollbox', 'setup.lock');
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, `${process.pid} ${startTimeOf(process.pid)}`);
  const deadline = Date.now() + LOCK_TIMEOUT_MS;
  try {
    for (let waits = 0; ; waits++) {
      try {
        linkSync(mine, lock);
        break;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const [pid, startTime] = (readIfThere(lock) ?? '').split(' ');
      if (pid && String(startTimeOf(pid)) !== startTime) rmSync(lock, { force: true });
      else if (Date.now() > deadline) throw new Error('another setup of this clone does not end');
      else {
        if (waits === 0) say('waiting for another setup of this clone');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    try {
      return await work();
    } finally {
      rmSync(lock, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Whether what npm says it installed is what package-lock.json asks for (packages for other platforms may be absent). */
function isInstalled(lockText) {
  const installedText = readIfThere(at('node_modules', '.package-lock.json'));
  if (installedText === null) return false;
  const wanted = Object.entries(JSON.parse(lockText).packages).filter(([name]) => name !== '');
  const installed = JSON.parse(installedText).packages;
  return wanted.every(([name, { version, optional }]) => installed[name]?.version === version || (optional && !installed[name]));
}

async function installPackages() {
  const lockText = readFileSync(at('package-lock.json'), 'utf8');
  const stampFile = at('node_modules', '.tollbox-setup');
  const stamp = sha256(lockText, process.version.split('.')[0], process.platform, process.arch);
  if (readIfThere(stampFile) === stamp) return;
  if (!isInstalled(lockText)) {
    say('npm ci (about a minute the first time)');
    const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
    const npm = process.env.npm_execpath;
    if (npm?.endsWith('.js')) await run(process.execPath, [npm, ...args], NPM_TIMEOUT_MS);
    else await run('npm', args, NPM_TIMEOUT_MS);
  }
  writeFileSync(stampFile, stamp);
}

/** Everything but the container engine, which `npm start`, `npm run demo` and `npm test` look for when they boot. */
export async function setup() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) throw new Error(`Node 20.19 or newer is needed; this is ${process.version}`);
  ensureHome();
  await withLock(async () => {
    await installPackages();
    const { build } = await import('./build.mjs');
    const built = await build();
    if (built > 0) say(`compiled ${built} files`);
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    await setup();
    const steps = { '--engine': 'prepare-engine.js', '--gvisor': 'prepare-gvisor.js' };
    for (const [option, program] of Object.entries(steps)) {
      if (!process.argv.includes(option) || process.exitCode) continue;
      const { runNode } = await import('./run-node.mjs');
      process.exitCode = await runNode(at('dist', 'libs', 'devstack', program), []);
    }
    if (!process.exitCode) say('done');
  } catch (error) {
    say(error.message);
    process.exitCode = 1;
  }
}

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { canInstallPackages, installPackages } from './debian-packages';
import { OwnEngineLayout, OwnRuntime, engineDirectory, ownLayouts, prepareOwnEngine } from './engine-config';
import { EngineKind, probeEngine, removeContainers } from './engine-client';
import { errorCode } from './error-code';
import { withFileLock } from './file-lock';
import { gvisorProgram } from './gvisor';
import { unmountBelow } from './mounts';
import { delay, processStartTime, startProcess, waitUntilReady } from './processes';
import { isAlive, listRuns, RecordedProcess, Run, writeAtomically } from './run-record';

const LOCK_TIMEOUT_MS = 60_000;
const READY_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 10_000;

export interface Engine {
  readonly dockerHost: string;
  readonly kind: EngineKind;
  /** The clone's own Podman, which the last run that uses it stops. */
  readonly isOwn: boolean;
  /** Gives the engine back. Containers are the caller's to remove; of the clone's own engine nothing stays in any case. */
  stop(): Promise<void>;
}

/** No engine answers and none can be started; the message says what to install. */
export class NoEngineError extends Error {
  override readonly name = 'NoEngineError';
}

function givenSockets(): string[] {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const candidates = [
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
    path.join(os.homedir(), '.docker', 'run', 'docker.sock'),
  ];
  if (runtime) candidates.push(path.join(runtime, 'docker.sock'), path.join(runtime, 'podman', 'podman.sock'));
  return candidates.map((socket) => `unix://${socket}`);
}

/** What the clone's own engine needs: a file of each package, and the package. */
const ENGINE_PACKAGES: readonly (readonly [string, readonly string[]])[] = [
  ['podman', ['/usr/bin/podman']],
  ['runc', ['/usr/sbin/runc', '/usr/bin/runc']],
  ['catatonit', ['/usr/bin/catatonit']],
  ['nftables', ['/usr/sbin/nft']],
  ['iproute2', ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip']],
  ['netavark', ['/usr/lib/podman/netavark', '/usr/libexec/podman/netavark']],
];

/** Without these the engine runs, and sandboxes have no network. */
const NETWORK_PACKAGES = new Set(['nftables', 'iproute2']);

/** Makes Podman and its parts present, by the distribution's packages where that is allowed; false where it is not. */
async function ensurePodman(log: (line: string) => void): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  const missing = ENGINE_PACKAGES.filter(([, files]) => !files.some((file) => existsSync(file))).map(([name]) => name);
  if (missing.length === 0) return true;
  if (!canInstallPackages()) return missing.every((name) => NETWORK_PACKAGES.has(name));
  log('no container engine answers');
  await installPackages(missing, log);
  return true;
}

export const ENGINE_HELP = `No container engine answers. Any one of these will do:
  - Docker: install and start it (https://docs.docker.com/engine/install), and let this user reach its socket
    (usually: membership in the group "docker"), or set DOCKER_HOST;
  - Podman: start its service ("podman system service --time=0 unix:///run/podman/podman.sock" as root) or set DOCKER_HOST;
  - Debian or Ubuntu as root: "apt-get install podman runc catatonit netavark nftables iproute2"; Tollbox starts its own service.`;

export interface EngineWishes {
  /** What our own engine, if it comes to that, starts sandboxes with. By default gVisor where it is set up, else runc. */
  readonly ownRuntime?: OwnRuntime;
}

/**
 * A container engine: the one DOCKER_HOST names, a local socket that answers, or a Podman service of this clone's own
 * (as root), with storage and configuration that no other Podman here shares. Throws NoEngineError.
 */
export async function findOrStartEngine(
  run: Run,
  log: (line: string) => void = () => undefined,
  wishes: EngineWishes = {},
): Promise<Engine> {
  const asked = process.env['DOCKER_HOST'];
  for (const dockerHost of [...(asked ? [asked] : []), ...givenSockets()]) {
    const kind = await probeEngine(dockerHost);
    if (kind !== null) return { dockerHost, kind, isOwn: false, stop: () => Promise.resolve() };
    if (dockerHost === asked) log(`DOCKER_HOST ${asked} does not answer; looking for another engine`);
  }
  return startOwnEngine(run, log, wishes.ownRuntime ?? (gvisorProgram() === null ? 'runc' : 'runsc'));
}

const lockFile = (): string => path.join(engineDirectory(), 'lock');

function recordedService({ serviceFile }: OwnEngineLayout): RecordedProcess | null {
  if (!existsSync(serviceFile)) return null;
  const service = JSON.parse(readFileSync(serviceFile, 'utf8')) as RecordedProcess;
  return isAlive(service) ? service : null;
}

/** How many services of the own engine each run of this process holds; the last one back is the run's leave. */
const held = new Map<string, number>();

function isUsedByAnother(run: Run): boolean {
  return listRuns().some((record) => record.id !== run.id && record.usesOwnEngine && isAlive(record.supervisor));
}

/** The clone's own Podman, whatever else answers on this machine. Throws NoEngineError. */
export async function startOwnEngine(run: Run, log: (line: string) => void, runtime: OwnRuntime): Promise<Engine> {
  if (!(await ensurePodman(log))) throw new NoEngineError(ENGINE_HELP);
  return withFileLock(lockFile(), LOCK_TIMEOUT_MS, async () => {
    const layout = prepareOwnEngine(runtime);
    const dockerHost = `unix://${layout.socket}`;
    const holds = held.get(run.id) ?? 0;
    const shared = holds > 0 || isUsedByAnother(run);
    held.set(run.id, holds + 1);
    run.setUsesOwnEngine(true);
    try {
      if (recordedService(layout) === null || (await probeEngine(dockerHost)) === null) await launchService(layout, dockerHost);
      // Nobody else is using this storage, so what is in it was left by a run that was killed.
      if (!shared) await removeContainers(dockerHost);
    } catch (error) {
      await leaveOwnEngineLocked(run);
      throw error;
    }
    return { dockerHost, kind: 'podman', isOwn: true, stop: () => leaveOwnEngine(run) };
  });
}

async function launchService(layout: OwnEngineLayout, dockerHost: string): Promise<void> {
  await endService(layout);
  rmSync(layout.socket, { force: true });
  // It outlives the run that started it when another run of this clone still uses it.
  const service = await startProcess('podman', ['system', 'service', '--time=0', dockerHost], {
    cwd: layout.runRoot,
    env: layout.environment,
    logFile: layout.logFile,
  });
  const startTime = processStartTime(service.pid);
  if (startTime !== null) writeAtomically(layout.serviceFile, JSON.stringify({ name: 'engine', pid: service.pid, startTime }));
  await waitUntilReady(service, 'the Podman service', READY_TIMEOUT_MS, async () => (await probeEngine(dockerHost)) !== null);
  service.child.unref();
}

async function leaveOwnEngine(run: Run): Promise<void> {
  await withFileLock(lockFile(), LOCK_TIMEOUT_MS, () => leaveOwnEngineLocked(run));
}

async function leaveOwnEngineLocked(run: Run): Promise<void> {
  const holds = (held.get(run.id) ?? 1) - 1;
  held.set(run.id, holds);
  if (holds > 0) return;
  run.setUsesOwnEngine(false);
  if (isUsedByAnother(run)) return;
  const layouts = ownLayouts();
  for (const { socket } of layouts) {
    if ((await probeEngine(`unix://${socket}`)) !== null) await removeContainers(`unix://${socket}`);
  }
  for (const layout of layouts) await endService(layout);
  for (const { graphRoot, runRoot } of layouts.slice(0, 1)) {
    await endMonitors(graphRoot);
    await unmountBelow([graphRoot, runRoot]); // Podman mounts its storage onto itself and leaves that behind
    rmSync(runRoot, { recursive: true, force: true });
  }
}

async function endService(layout: OwnEngineLayout): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const service = recordedService(layout);
    if (service === null) break;
    process.kill(service.pid, signal);
    const deadline = Date.now() + STOP_GRACE_MS;
    while (isAlive(service) && Date.now() < deadline) await delay(25);
  }
  rmSync(layout.serviceFile, { force: true });
}

/**
 * The monitors of finished execs outlive their containers and would call Podman again later. They are told apart by
 * the path of this clone's storage among their arguments.
 */
async function endMonitors(graphRoot: string): Promise<void> {
  const isOurs = (pid: string) => {
    const args = argumentsOf(pid);
    return path.basename(args[0] ?? '') === 'conmon' && args.some((arg) => arg.startsWith(`${graphRoot}/`));
  };
  const deadline = Date.now() + STOP_GRACE_MS;
  for (;;) {
    const monitors = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && isOurs(entry));
    if (monitors.length === 0) return;
    if (Date.now() > deadline) throw new Error(`container monitors do not end: ${monitors.join(', ')}`);
    for (const pid of monitors) killIfThere(Number(pid));
    await delay(20);
  }
}

function argumentsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it ended after the listing
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

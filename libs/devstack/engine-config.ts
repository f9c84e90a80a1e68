import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gvisorProgram } from './gvisor';
import { stateDirectory } from './paths';
import { writeAtomically } from './run-record';

/** What the own engine starts sandboxes with. Podman's service takes it from its configuration, not from a request. */
export type OwnRuntime = 'runc' | 'runsc';

/** Where the clone's own Podman keeps its things; no other Podman of this machine shares any of it. */
export interface OwnEngineLayout {
  /** Images and container layers: inside the clone, kept between runs. */
  readonly graphRoot: string;
  /** Everything that lives only while the engine runs. Podman records it with the storage and limits its length. */
  readonly runRoot: string;
  readonly socket: string;
  /** Names the process of the service while it runs. One service for each runtime, all over the same storage. */
  readonly serviceFile: string;
  readonly logFile: string;
  readonly environment: Readonly<Record<'CONTAINERS_CONF' | 'CONTAINERS_STORAGE_CONF' | 'HOME' | 'TMPDIR' | 'PATH', string>>;
}

export function engineDirectory(): string {
  return path.join(stateDirectory(), 'engine');
}

function shortTemporaryRoot(): string {
  return os.tmpdir().length <= 20 ? os.tmpdir() : '/tmp';
}

/** How long the monitor of a finished exec stays, in seconds; its exit code can be asked for meanwhile. Podman's default is 300. */
const EXEC_MONITOR_LINGER_S = 5;

const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/**
 * How gVisor runs, the reasons in docs/isolation.md. No network: on kernels from 6.11 it cannot enter the network namespace
 * that an engine makes. No overlay of its own: archives and commits of the engine see what was written.
 */
const GVISOR_FLAGS = ['--platform=systrap', '--network=none', '--overlay2=none', '--oci-seccomp'];

const CONMON_PLACES = ['/usr/libexec/podman/conmon', '/usr/lib/podman/conmon', '/usr/bin/conmon'];

/**
 * Podman looks for the note that a container ran out of memory in the container's bundle; its monitor writes the note
 * where it was started.
 */
const conmonScript = (conmon: string): string => `#!/bin/sh
for argument; do
  if [ "$before" = -b ]; then cd "$argument" && break; fi
  before=$argument
done
exec ${conmon} "$@"
`;

const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

function writeProgram(file: string, content: string): string {
  mkdirSync(path.dirname(file), { recursive: true });
  // Another run may be starting it at this moment.
  writeAtomically(file, content);
  chmodSync(file, 0o755);
  return file;
}

/** Writes the programs that Podman starts in place of the originals; their lines of containers.conf. */
function programLines(runRoot: string): { engine: string; runtimes: string } {
  const bin = path.join(engineDirectory(), 'bin');
  const conmon = CONMON_PLACES.find((file) => existsSync(file));
  const engine =
    conmon === undefined ? '' : `conmon_path = [${quoted(writeProgram(path.join(bin, 'conmon'), conmonScript(conmon)))}]\n`;
  const program = gvisorProgram();
  if (program === null) return { engine, runtimes: '' };
  const command = [program, `--root=${path.join(runRoot, 'runsc')}`, ...GVISOR_FLAGS].map(shellQuoted).join(' ');
  const runsc = writeProgram(path.join(bin, 'runsc'), `#!/bin/sh\nexec ${command} "$@"\n`);
  return { engine, runtimes: `\n[engine.runtimes]\nrunsc = [${quoted(runsc)}]\n` };
}

function containersConf(runRoot: string, graphRoot: string, runtime: OwnRuntime): string {
  const lines = programLines(runRoot);
  return `[containers]
init_path = "/usr/bin/catatonit"
log_driver = "k8s-file"
default_sysctls = []

[engine]
runtime = "${runtime}"
cgroup_manager = "cgroupfs"
events_logger = "none"
exit_command_delay = ${EXEC_MONITOR_LINGER_S}
lock_type = "file"
tmp_dir = ${quoted(path.join(runRoot, 'libpod'))}
static_dir = ${quoted(path.join(graphRoot, 'libpod'))}
volume_path = ${quoted(path.join(graphRoot, 'volumes'))}
${lines.engine}${lines.runtimes}
[network]
network_backend = "netavark"
network_config_dir = ${quoted(path.join(graphRoot, 'networks'))}
`;
}

function storageConf(runRoot: string, graphRoot: string): string {
  return `[storage]
driver = "overlay"
runroot = ${quoted(path.join(runRoot, 'storage'))}
graphroot = ${quoted(graphRoot)}
`;
}

function ownLayout(runtime: OwnRuntime): OwnEngineLayout {
  const directory = engineDirectory();
  const clone = createHash('sha256').update(directory).digest('hex').slice(0, 12);
  const runRoot = path.join(shortTemporaryRoot(), `tollbox-engine-${clone}`);
  const suffix = runtime === 'runc' ? '' : `-${runtime}`;
  return {
    graphRoot: path.join(directory, 'storage'),
    runRoot,
    socket: path.join(runRoot, `engine${suffix}.sock`),
    serviceFile: path.join(directory, `service${suffix}.json`),
    logFile: path.join(runRoot, `engine${suffix}.log`),
    environment: {
      CONTAINERS_CONF: path.join(directory, `containers${suffix}.conf`),
      CONTAINERS_STORAGE_CONF: path.join(directory, 'storage.conf'),
      // Podman looks for user settings and registry logins at home; it finds none of the user's here.
      HOME: runRoot,
      TMPDIR: runRoot,
      PATH: process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    },
  };
}

/** Where the parts of all services of the own engine are, whether they run or not. */
export const ownLayouts = (): readonly OwnEngineLayout[] => (['runc', 'runsc'] as const).map(ownLayout);

/** Writes the configuration of the clone's own Podman and says where its parts are. */
export function prepareOwnEngine(runtime: OwnRuntime): OwnEngineLayout {
  const layout = ownLayout(runtime);
  const { graphRoot, runRoot, environment } = layout;
  mkdirSync(graphRoot, { recursive: true, mode: 0o700 });
  mkdirSync(runRoot, { recursive: true, mode: 0o700 });
  writeFileSync(environment['CONTAINERS_CONF'], containersConf(runRoot, graphRoot, runtime));
  writeFileSync(environment['CONTAINERS_STORAGE_CONF'], storageConf(runRoot, graphRoot));
  return layout;
}

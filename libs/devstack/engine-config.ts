import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { stateDirectory } from './paths';

/** Where the clone's own Podman keeps its things; no other Podman of this machine shares any of it. */
export interface OwnEngineLayout {
  /** Images and container layers: inside the clone, kept between runs. */
  readonly graphRoot: string;
  /** Everything that lives only while the engine runs. Podman records it with the storage and limits its length. */
  readonly runRoot: string;
  readonly socket: string;
  readonly logFile: string;
  readonly environment: Readonly<Record<string, string>>;
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

function containersConf(runRoot: string, graphRoot: string): string {
  return `[containers]
init_path = "/usr/bin/catatonit"
log_driver = "k8s-file"
default_sysctls = []

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
exit_command_delay = ${EXEC_MONITOR_LINGER_S}
lock_type = "file"
tmp_dir = ${quoted(path.join(runRoot, 'libpod'))}
static_dir = ${quoted(path.join(graphRoot, 'libpod'))}
volume_path = ${quoted(path.join(graphRoot, 'volumes'))}

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

/** Writes the configuration of the clone's own Podman and says where its parts are. */
export function prepareOwnEngine(): OwnEngineLayout {
  const directory = engineDirectory();
  const graphRoot = path.join(directory, 'storage');
  const clone = createHash('sha256').update(directory).digest('hex').slice(0, 12);
  const runRoot = path.join(shortTemporaryRoot(), `tollbox-engine-${clone}`);
  mkdirSync(graphRoot, { recursive: true, mode: 0o700 });
  mkdirSync(runRoot, { recursive: true, mode: 0o700 });
  const containers = path.join(directory, 'containers.conf');
  const storage = path.join(directory, 'storage.conf');
  writeFileSync(containers, containersConf(runRoot, graphRoot));
  writeFileSync(storage, storageConf(runRoot, graphRoot));
  return {
    graphRoot,
    runRoot,
    socket: path.join(runRoot, 'engine.sock'),
    logFile: path.join(runRoot, 'engine.log'),
    environment: {
      CONTAINERS_CONF: containers,
      CONTAINERS_STORAGE_CONF: storage,
      // Podman looks for user settings and registry logins at home; it finds none of the user's here.
      HOME: runRoot,
      TMPDIR: runRoot,
      PATH: process.env['PATH'] ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    },
  };
}

import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import type { SandboxSpec } from '../../application/ports/provider';

/** Where the agent is in every sandbox that has one. */
export const AGENT_PATH = '/.tollbox/agent';

export const LABEL_INSTALLATION = 'tollbox.installation';
export const LABEL_SANDBOX = 'tollbox.sandbox';
/** The network that was ordered, as JSON: a create that died before it was there can be finished. */
export const LABEL_NETWORK = 'tollbox.network';
/** The ports that tunnels may reach, as JSON. */
export const LABEL_PORTS = 'tollbox.ports';
export const LABEL_CREATED_AT = 'tollbox.created-at';
/** There on containers that have an agent. */
export const LABEL_AGENT = 'tollbox.agent';

/**
 * Commands run as root without any capability, as buyers expect of their own machine. PID 1 and the timer that ends the
 * sandbox belong to another user: root without CAP_KILL and CAP_SYS_PTRACE can neither stop, kill nor write into them, so
 * the code inside cannot hold up its own end.
 */
export const EXEC_USER = '0:0';
export const EXEC_ENVIRONMENT: readonly string[] = ['HOME=/root'];
const TIMER_USER = '65534:65534';

const MIB = 1024 * 1024;
/**
 * gVisor counts its own threads as processes of the sandbox, two for each process inside and some forty beside them, and ends
 * the whole sandbox when they reach the limit.
 */
const GVISOR_MIN_PIDS = 1_024;
const GVISOR_PIDS_PER_PROCESS = 3;
const OPEN_FILES = { soft: 4_096, hard: 8_192 };
/** Podman asks for 1048576 processes when nobody says a number, which a service without CAP_SYS_RESOURCE cannot give. */
const PODMAN_PROCESSES = 8_192;

/** API fields that the client's types leave out. */
type EngineHostConfig = HostConfig & { readonly CgroupnsMode: 'private' };

export interface ContainerPlan {
  readonly spec: SandboxSpec;
  /** The id of the local image: what is started is what was resolved, whatever the tag says by then. */
  readonly imageId: string;
  /** Runtime to name to the engine, or null for its default. */
  readonly runtime: string | null;
  readonly isGvisor: boolean;
  readonly isPodman: boolean;
  /** The profile itself for Docker, a path on the engine's host for Podman. */
  readonly seccomp: string;
  readonly pidsLimit: number;
  /** Read-only files of /etc and the agent, as bind mounts; none where the engine does not see our files. */
  readonly fixedFiles: readonly string[];
  /** Hash of the agent that is process 1, or null where sandboxes have none. */
  readonly agentHash: string | null;
  /** Size of the sandbox's own file system layer, or null where the engine cannot limit it. */
  readonly diskMiB: number | null;
  /** Added to the sold lifetime before the timer inside ends the sandbox; the reaper is there first. */
  readonly lifetimeMarginMs: number;
  readonly createdAt: Date;
}

/** The name of a sandbox's container; one sandbox id can never have two. */
export const containerName = (sandboxId: string): string => `tollbox-${sandboxId}`;

function hostConfig(plan: ContainerPlan): EngineHostConfig {
  const memory = plan.spec.memoryMiB * MIB;
  return {
    ...(plan.runtime === null ? {} : { Runtime: plan.runtime }),
    ...(plan.diskMiB === null ? {} : { StorageOpt: { size: `${plan.diskMiB}m` } }),
    Init: plan.agentHash === null, // reaps what commands leave behind; the agent does it by itself
    Binds: [...plan.fixedFiles],
    RestartPolicy: { Name: 'no' },
    NetworkMode: 'none',
    IpcMode: 'private',
    CgroupnsMode: 'private',
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges', `seccomp=${plan.seccomp}`],
    Memory: memory,
    MemorySwap: memory, // memory and swap together: no swap
    OomKillDisable: false,
    NanoCpus: plan.spec.cpuMillis * 1_000_000,
    PidsLimit: plan.isGvisor ? Math.max(plan.pidsLimit * GVISOR_PIDS_PER_PROCESS, GVISOR_MIN_PIDS) : plan.pidsLimit,
    ShmSize: Math.min(memory / 4, 64 * MIB),
    Ulimits: [
      { Name: 'core', Soft: 0, Hard: 0 },
      { Name: 'nofile', Soft: OPEN_FILES.soft, Hard: OPEN_FILES.hard },
      ...(plan.isPodman ? [{ Name: 'nproc', Soft: PODMAN_PROCESSES, Hard: PODMAN_PROCESSES }] : []),
    ],
    LogConfig: { Type: 'none', Config: {} },
  };
}

/** Everything that a container is created with. Of the host, only the fixed files of /etc are mounted, read-only. */
export function containerOptions(plan: ContainerPlan): ContainerCreateOptions {
  const { spec } = plan;
  const lifetimeMs = spec.lifetimeMs + plan.lifetimeMarginMs;
  return {
    name: containerName(spec.sandboxId),
    Image: plan.imageId,
    Hostname: 'sandbox',
    User: TIMER_USER,
    Env: [...EXEC_ENVIRONMENT, ...environment(spec.env)],
    ...(plan.agentHash === null
      ? { Entrypoint: ['sleep'], Cmd: [String(Math.ceil(lifetimeMs / 1_000))] }
      : { Entrypoint: [AGENT_PATH, 'init'], Cmd: [String(Math.ceil(lifetimeMs))] }),
    StopTimeout: 0,
    Labels: {
      [LABEL_INSTALLATION]: spec.installationId,
      [LABEL_SANDBOX]: spec.sandboxId,
      [LABEL_CREATED_AT]: plan.createdAt.toISOString(),
      ...(spec.ports === undefined || spec.ports.length === 0 ? {} : { [LABEL_PORTS]: JSON.stringify(spec.ports) }),
      ...(spec.network === undefined ? {} : { [LABEL_NETWORK]: JSON.stringify(spec.network) }),
      ...(plan.agentHash === null ? {} : { [LABEL_AGENT]: plan.agentHash }),
    },
    HostConfig: hostConfig(plan),
  };
}

export const environment = (variables: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries(variables).map(([name, value]) => `${name}=${value}`);

/** How the engine's own exec runs a command: under a timer, which kills all of its process group. */
export type TimedCommand = (argv: readonly string[], timeoutMs: number) => string[];

export const underAgent: TimedCommand = (argv, timeoutMs) => [AGENT_PATH, 'run', String(Math.ceil(timeoutMs)), ...argv];

/**
 * Where there is no agent: coreutils' `timeout`, which leads the process group. Images that are sold there have `timeout` and
 * `sleep` on their PATH (GNU coreutils, or another that takes fractions).
 */
export const underCoreutils: TimedCommand = (argv, timeoutMs) => ['timeout', '-s', 'KILL', String(timeoutMs / 1_000), ...argv];

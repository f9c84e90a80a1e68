import type Docker from 'dockerode';
import {
  type CreatedSandbox,
  type ExecOptions,
  type ListedSandbox,
  type NetworkOrder,
  type ProviderCapabilities,
  ProviderError,
  type ProviderFeature,
  type ProviderHandle,
  type ProviderProcess,
  type ProviderState,
  type SandboxProvider,
  type SandboxSpec,
} from '../../application/ports/provider';
import { type AgentBinary, prepareAgentBinary } from './agent/agent-binary';
import { AGENT_FEATURES, ContainerAgents } from './agent/container-agents';
import { ContainerFiles } from './agent/container-files';
import { ContainerProcesses } from './agent/container-processes';
import {
  AGENT_PATH,
  containerName,
  containerOptions,
  LABEL_INSTALLATION,
  LABEL_NETWORK,
  LABEL_PORTS,
  LABEL_SANDBOX,
  underAgent,
  underCoreutils,
} from './container-options';
import { checkCommand, startCommand } from './container-process';
import { ContainerSnapshots } from './container-snapshots';
import { checkDeadline, deadlinePassed, pause, withinDeadline } from './deadline';
import { connectEngine } from './engine-connection';
import { isBrokenConnection, isUnknownContainer, toProviderError } from './engine-errors';
import { askEngine, type EngineFacts } from './engine-facts';
import { withResolver, writeFixedFiles } from './fixed-files';
import { ContainerTunnels } from './network/container-tunnels';
import { findSandboxNetworks } from './network/find-sandbox-networks';
import type { NetworkSettings, SandboxNetworks } from './network/sandbox-networks';
import { writeSeccompFile } from './seccomp-file';
import { SECCOMP_PROFILE_JSON } from './seccomp-profile';

export interface ContainerProviderOptions {
  /** `unix://PATH`, `npipe://PATH`, `tcp://HOST:PORT` or `http://HOST:PORT`. */
  readonly dockerHost: string;
  /** Image as sold → reference of an image that the engine has already (name and tag, name@digest, or id). */
  readonly imageReferences: ReadonlyMap<string, string>;
  /** Processes and threads of one sandbox; at least 1024 under gVisor. */
  readonly pidsLimit: number;
  /** The agent for sandboxes; without one they have only what the engine's own exec can do. */
  readonly agentFile?: string | undefined;
  /** Our own directory that a local engine sees under the same name. Default: `.tollbox/engine-files` here. */
  readonly sharedDirectory?: string;
  /**
   * Size of a sandbox's own file system layer. Engines can keep it only on some storage (Docker: overlay2 on xfs with project
   * quotas, btrfs, zfs) and refuse every create elsewhere, so by default there is none: what a sandbox can write is then
   * limited by the engine's disk, and is freed when the sandbox ends.
   */
  readonly diskMiB?: number;
  /** The engine-side end comes this much after the sold lifetime, so that the reaper is first. Default 10 s. */
  readonly lifetimeMarginMs?: number;
  /** Most bytes of a snapshot: what a sandbox wrote over its image. Default 1 GiB. */
  readonly maxSnapshotBytes?: number;
  /** How sandboxes get a network where this host can hold them to their policy; absent: none does. */
  readonly network?: NetworkSettings;
  /** Told of a container that could not be removed after a failed create; the reaper finds it by its labels. */
  readonly onCleanupFailure?: (error: ProviderError, name: string) => void;
}

const PROBE_LIMIT_MS = 10_000;
/** A create that its caller gave up goes on this long, so that what it makes can be removed. */
const ABANDONED_LIMIT_MS = 120_000;
const REMOVE_LIMIT_MS = 20_000;
const REMOVE_RETRY_MS = 100;
const NO_NETWORK: NetworkOrder = { policy: 'none', cidrs: [], domains: [] };
const IMAGE_CHECK_MS = 10_000;
const LIVE = new Set(['running', 'paused', 'restarting']);

const DEFAULT_MAX_SNAPSHOT_BYTES = 1 << 30;

/**
 * Sandboxes as containers of a Docker-compatible engine (Docker Engine, Docker Desktop, Podman). It never pulls an image
 * and touches only containers that it made.
 */
export class ContainerProvider implements SandboxProvider {
  readonly name = 'container';
  readonly files?: ContainerFiles;
  readonly processes?: ContainerProcesses;
  readonly snapshots?: ContainerSnapshots;
  readonly tunnels?: ContainerTunnels;
  private readonly closing = new AbortController();
  private readonly checkedImages = new Set<string>();
  private readonly unfinished = new Set<Promise<unknown>>();
  private readonly agents: ContainerAgents | null;

  constructor(
    private readonly docker: Docker,
    /** What the engine is, for the log and `/health`. */
    readonly engine: EngineFacts,
    private readonly seccomp: string,
    private readonly fixedFiles: readonly string[],
    agent: AgentBinary | null,
    private readonly options: ContainerProviderOptions,
    private readonly networks: SandboxNetworks | null,
  ) {
    // gVisor keeps what a sandbox writes to itself: the engine would commit an empty layer.
    if (engine.isolation === 'shared-kernel') this.snapshots = this.makeSnapshots();
    const containerOf = (providerRef: string) => this.container({ providerRef });
    this.agents = agent === null ? null : new ContainerAgents(agent, containerOf, this.closing.signal);
    if (this.agents !== null) {
      this.processes = new ContainerProcesses(this.agents);
      this.files = new ContainerFiles(this.exec.bind(this));
    }
    if (networks !== null && options.network?.tunnels === true) this.tunnels = new ContainerTunnels(docker, networks);
  }

  capabilities(): ProviderCapabilities {
    const features = new Set<ProviderFeature>([
      'network_none',
      ...(this.networks === null ? [] : (['network_public', 'network_cidrs'] as const)),
      ...(this.agents === null ? [] : AGENT_FEATURES),
      ...(this.tunnels === undefined ? [] : (['tunnels'] as const)),
      ...(this.snapshots === undefined ? [] : (['snapshots'] as const)),
    ]);
    return { isolation: this.engine.isolation, networkPolicy: 'none', gpu: false, features };
  }

  async create(spec: SandboxSpec, signal: AbortSignal): Promise<CreatedSandbox> {
    checkDeadline(signal, 'create');
    const reference = spec.snapshotRef ?? this.options.imageReferences.get(spec.image);
    if (reference === undefined) throw new ProviderError('invalid', `image ${spec.image} is not sold`);
    const { policy = 'none', domains = [] } = spec.network ?? {};
    if (domains.length > 0 || (policy !== 'none' && this.networks === null))
      throw new ProviderError('invalid', 'this engine cannot hold a sandbox to such a network');
    if ((spec.ports ?? []).length > 0 && this.tunnels === undefined)
      throw new ProviderError('invalid', 'there are no tunnels here');
    if (spec.gpu !== null) throw new ProviderError('invalid', 'the container provider has no GPU');
    // The requests are not cut off at the deadline: only their answers tell what there is to remove.
    const work = this.createAndStart(spec, reference, signal);
    this.keepUntilDone(work);
    return withinDeadline(work, signal, 'create');
  }

  /** Gives a sandbox whose create died on the way what is still lacking. */
  async complete(handle: ProviderHandle, signal: AbortSignal): Promise<void> {
    try {
      const container = this.container(handle);
      const { Id, Config } = await withinDeadline(container.inspect({ abortSignal: this.bounded(signal) }), signal, 'complete');
      const { [LABEL_NETWORK]: order, [LABEL_PORTS]: ports = '[]' } = Config.Labels;
      const network = order === undefined ? NO_NETWORK : (JSON.parse(order) as NetworkOrder);
      await this.attachNetwork(this.docker.getContainer(Id), network, JSON.parse(ports) as number[], this.bounded(signal));
    } catch (error) {
      throw toProviderError(error, 'complete');
    }
  }

  async exec(
    handle: ProviderHandle,
    argv: readonly string[],
    options: ExecOptions,
    signal: AbortSignal,
  ): Promise<ProviderProcess> {
    checkDeadline(signal, 'exec');
    checkCommand(argv, options);
    const container = this.container(handle);
    const limit = this.bounded(signal);
    if (this.agents !== null) return this.agents.exec(container, argv, options, limit);
    return startCommand(container, argv, options, underCoreutils, limit);
  }

  async inspect(handle: ProviderHandle, signal: AbortSignal): Promise<ProviderState> {
    checkDeadline(signal, 'inspect');
    try {
      const asking = this.container(handle).inspect({ abortSignal: this.bounded(signal) });
      const { State } = await withinDeadline(asking, signal, 'inspect');
      if (LIVE.has(State.Status)) return { kind: 'running' };
      if (State.Status === 'created') return { kind: 'ended', returncode: null, outOfMemory: false };
      // The flag also remembers one command that ran out of memory; the sandbox itself then ended in its own time, with 0.
      return { kind: 'ended', returncode: State.ExitCode, outOfMemory: State.OOMKilled && State.ExitCode !== 0 };
    } catch (error) {
      if (isUnknownContainer(error)) return { kind: 'not_found' };
      throw toProviderError(error, 'inspect');
    }
  }

  async terminate(handle: ProviderHandle, signal: AbortSignal): Promise<void> {
    checkDeadline(signal, 'terminate');
    await withinDeadline(this.remove(handle.providerRef, this.bounded(signal)), signal, 'terminate');
    this.agents?.drop(handle.providerRef);
  }

  async list(installationId: string, signal: AbortSignal): Promise<readonly ListedSandbox[]> {
    checkDeadline(signal, 'list');
    try {
      const asking = this.docker.listContainers({
        all: true,
        filters: { label: [`${LABEL_INSTALLATION}=${installationId}`] },
        abortSignal: this.bounded(signal),
      });
      const containers = await withinDeadline(asking, signal, 'list');
      return containers.map(({ Id, Labels, Created, State }) => ({
        providerRef: Id,
        sandboxId: Labels[LABEL_SANDBOX] ?? null,
        createdAt: new Date(Created * 1_000),
        isRunning: State === 'running',
      }));
    } catch (error) {
      throw toProviderError(error, 'list');
    }
  }

  /** Waits for what is being cleaned up, then ends everything that still talks to the engine. */
  async close(): Promise<void> {
    await Promise.race([Promise.allSettled(this.unfinished), pause(REMOVE_LIMIT_MS, this.closing.signal)]);
    this.agents?.close();
    this.closing.abort();
  }

  private container({ providerRef }: ProviderHandle): Docker.Container {
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(providerRef)) throw new ProviderError('invalid', 'not a container reference');
    return this.docker.getContainer(providerRef);
  }

  private makeSnapshots(): ContainerSnapshots {
    const { maxSnapshotBytes = DEFAULT_MAX_SNAPSHOT_BYTES, onCleanupFailure } = this.options;
    const options = { maxBytes: maxSnapshotBytes, ...(onCleanupFailure === undefined ? {} : { onCleanupFailure }) };
    return new ContainerSnapshots(this.docker, (handle) => this.container(handle), options, this.closing.signal);
  }

  private bounded(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.closing.signal]);
  }

  private keepUntilDone(work: Promise<unknown>): void {
    const settled: Promise<unknown> = work.catch(() => undefined).finally(() => this.unfinished.delete(settled));
    this.unfinished.add(settled);
  }

  private async createAndStart(spec: SandboxSpec, reference: string, signal: AbortSignal): Promise<CreatedSandbox> {
    const limit = this.bounded(AbortSignal.timeout(ABANDONED_LIMIT_MS));
    const image = await this.resolveImage(reference, limit);
    checkDeadline(signal, 'create');
    const container = await this.createContainer(spec, image.id, limit);
    try {
      checkDeadline(signal, 'create');
      await this.agents?.install(container, limit);
      await container.start({ abortSignal: limit });
      await this.attachNetwork(container, spec.network ?? NO_NETWORK, spec.ports ?? [], limit);
      await this.checkImage(container, image.id, reference, limit);
      checkDeadline(signal, 'create');
    } catch (error) {
      await this.cleanUp(container.id);
      throw toProviderError(error, 'start');
    }
    this.agents?.warm(container.id);
    return { providerRef: container.id, imageDigest: image.digest };
  }

  /** A command can only run after this: what holds it is there first, and then the network. */
  private async attachNetwork(
    container: Docker.Container,
    order: NetworkOrder,
    ports: readonly number[],
    signal: AbortSignal,
  ): Promise<void> {
    if (order.policy === 'none' && ports.length === 0) return;
    if (this.networks === null) throw new ProviderError('misconfigured', 'this process cannot give a sandbox its network');
    const { State } = await container.inspect({ abortSignal: signal });
    if (State.Pid === 0) throw new ProviderError('gone', 'the sandbox ended while it was made');
    await this.networks.attach({ containerId: container.id, pid: State.Pid, order, ports }, signal);
  }

  /** The first sandbox of an image shows whether the image has what sandboxes and commands are held by. */
  private async checkImage(container: Docker.Container, imageId: string, reference: string, signal: AbortSignal): Promise<void> {
    if (this.checkedImages.has(imageId)) return;
    const lacking = new ProviderError(
      'misconfigured',
      this.agents === null
        ? `image ${reference} cannot run commands: it needs sleep and timeout (GNU coreutils) on its PATH`
        : `image ${reference} cannot run commands: the agent does not start in it`,
    );
    const [argv, timed] = this.agents === null ? [['sleep', '0'], underCoreutils] : [[AGENT_PATH, 'version'], underAgent];
    try {
      const process = await startCommand(container, argv, { timeoutMs: IMAGE_CHECK_MS }, timed, signal);
      const { returncode } = await process.exit;
      if (returncode !== 0) throw lacking;
    } catch (error) {
      throw error instanceof ProviderError && error.kind === 'gone' ? lacking : error;
    }
    this.checkedImages.add(imageId);
  }

  private async resolveImage(reference: string, signal: AbortSignal): Promise<{ id: string; digest: string }> {
    try {
      const { Id, RepoDigests } = await withinDeadline(this.docker.getImage(reference).inspect(), signal, 'create');
      // An image that was built here and never pushed has no repository digest in Docker; its id is a digest too.
      const digest = reference.split('@')[1] ?? (RepoDigests as string[] | null)?.[0]?.split('@')[1];
      return { id: Id, digest: digest ?? Id };
    } catch (error) {
      throw toProviderError(error, `image ${reference}`);
    }
  }

  private async createContainer(spec: SandboxSpec, imageId: string, signal: AbortSignal): Promise<Docker.Container> {
    const { diskMiB = null, lifetimeMarginMs = 10_000, pidsLimit } = this.options;
    const create = containerOptions({
      spec,
      imageId,
      runtime: this.engine.runtime,
      isGvisor: this.engine.isolation === 'gvisor',
      isPodman: this.engine.kind === 'podman',
      seccomp: this.seccomp,
      fixedFiles: withResolver(this.fixedFiles, (spec.network?.policy ?? 'none') !== 'none'),
      agentHash: this.agents?.hash ?? null,
      pidsLimit,
      diskMiB,
      lifetimeMarginMs,
      createdAt: new Date(),
    });
    try {
      return await this.docker.createContainer({ ...create, abortSignal: signal });
    } catch (error) {
      if (!isBrokenConnection(error) && !signal.aborted) throw toProviderError(error, 'create');
      await this.cleanUp(containerName(spec.sandboxId));
      throw deadlinePassed('create, whose connection broke');
    }
  }

  /** Removes what a failed create may have left. That create is what the caller hears of; this is told to the log. */
  private async cleanUp(ref: string): Promise<void> {
    try {
      await this.remove(ref, this.bounded(AbortSignal.timeout(REMOVE_LIMIT_MS)));
    } catch (error) {
      this.options.onCleanupFailure?.(toProviderError(error, 'clean-up'), ref);
    }
  }

  /** Kills and removes the container with its anonymous volumes; resolves when the engine no longer knows it. */
  private async remove(ref: string, signal: AbortSignal): Promise<void> {
    const container = this.container({ providerRef: ref });
    for (;;) {
      try {
        await container.remove({ force: true, v: true, abortSignal: signal });
        return;
      } catch (error) {
        if (isUnknownContainer(error)) return;
        const { statusCode } = error as { statusCode?: number };
        // Another removal is under way (409), or the container is between two states (Podman: 500).
        if (statusCode !== 409 && statusCode !== 500) throw toProviderError(error, 'terminate');
        await pause(REMOVE_RETRY_MS, signal);
        checkDeadline(signal, 'terminate');
      }
    }
  }
}

/**
 * Connects to the engine, asks once what it is and prepares the seccomp profile.
 * @throws ProviderError `unavailable` when no engine answers, `misconfigured` for an address that is none.
 */
export async function createContainerProvider(options: ContainerProviderOptions): Promise<ContainerProvider> {
  const docker = connectEngine(options.dockerHost);
  const engine = await askEngine(docker, AbortSignal.timeout(PROBE_LIMIT_MS));
  const sharedDirectory = options.sharedDirectory ?? '.tollbox/engine-files';
  const seccomp = engine.kind === 'podman' ? await writeSeccompFile(sharedDirectory) : SECCOMP_PROFILE_JSON;
  // An engine on another machine does not see our files.
  const isLocal = /^(unix|npipe):/.test(options.dockerHost);
  const fixedFiles = isLocal ? await writeFixedFiles(sharedDirectory, options.network?.dnsServers ?? []) : [];
  const { agentFile } = options;
  const agent = agentFile === undefined ? null : await prepareAgentBinary(agentFile, sharedDirectory, isLocal);
  const bind = agent?.bind ?? null;
  const binds = bind === null ? fixedFiles : [...fixedFiles, bind];
  const networks = await findSandboxNetworks(options, engine, AbortSignal.timeout(PROBE_LIMIT_MS));
  return new ContainerProvider(docker, engine, seccomp, binds, agent, options, networks);
}

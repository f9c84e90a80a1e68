import type { NetworkOrder, NetworkPolicy } from '../../domain/network-order';
import type { ExecOptions, ProviderProcess } from './process';
import type { FileProblem, ProviderFiles } from './provider-files';
import type { ProviderHandle } from './provider-handle';
import type { ProviderProcesses } from './provider-processes';
import type { ProviderSnapshots } from './provider-snapshots';
import type { ProviderTunnels } from './provider-tunnels';
import type { ProviderVolumes } from './provider-volumes';

export type { NetworkOrder, NetworkPolicy } from '../../domain/network-order';
export { PROCESS_SIGNALS } from './process';
export type { ExecOptions, ProcessExit, ProcessSignal, ProviderProcess, PtySize } from './process';
export type { ProviderHandle } from './provider-handle';

/**
 * What a sandbox provider can do. `SandboxProvider` itself is what every provider offers; what only some can do is a
 * feature that a provider declares, and a part of the port that is there exactly then.
 */

export type ProviderName = 'container' | 'modal';

/** How strongly a sandbox is separated from its host and neighbours. */
export type IsolationLevel = 'shared-kernel' | 'gvisor' | 'modal-gvisor';

/** What not every provider can do; docs/sandboxes.md has the table, test/contract holds the declarations to it. */
export const PROVIDER_FEATURES = [
  'exec_env',
  'exec_workdir',
  'exec_stdin',
  'exec_signal',
  'pty',
  'pty_resize',
  /** A process can be found again by its id, from any gateway: status, output from an offset, stdin. */
  'background_processes',
  'files',
  'snapshots',
  'tunnels',
  'volumes',
  'network_public',
  'network_none',
  /** Outbound ranges. */
  'network_cidrs',
  /** Outbound names. */
  'network_domains',
  'idle_timeout',
  'extend_lifetime',
  'setup_commands',
  /** Setup commands run under the network order of the sandbox; without it they always have the public internet. */
  'setup_network',
  'gpu',
] as const;
export type ProviderFeature = (typeof PROVIDER_FEATURES)[number];

export interface VolumeMount {
  /** The provider's own reference of the volume. */
  readonly volumeRef: string;
  /** Absolute path in the sandbox. */
  readonly mountPath: string;
  readonly readOnly: boolean;
}

export interface ProviderCapabilities {
  readonly isolation: IsolationLevel;
  /** The policy of a sandbox whose order names none. */
  readonly networkPolicy: NetworkPolicy;
  readonly gpu: boolean;
  readonly features: ReadonlySet<ProviderFeature>;
}

export interface SandboxSpec {
  /** Tollbox's own id (`sb-…`); the provider object carries it as a label or tag. */
  readonly sandboxId: string;
  /** The installation that owns the provider object; carried as a label or tag. */
  readonly installationId: string;
  /** The wallet that it is made for; absent for one that nobody has bought yet. Owners share the provider's limits fairly. */
  readonly owner?: string;
  /** The image as sold, for example `python:3.11`. The provider resolves it to a digest. */
  readonly image: string;
  /** Thousandths of a sold vCPU. */
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly gpu: string | null;
  /** The provider ends the sandbox by itself after this time, even when Tollbox is down. */
  readonly lifetimeMs: number;
  /** Everything below needs the feature of its name; a provider rejects `invalid` for what it cannot do. */
  readonly network?: NetworkOrder;
  /** Variables of every process of the sandbox. Values are never logged. */
  readonly env?: Readonly<Record<string, string>>;
  readonly idleTimeoutMs?: number;
  /** Container ports that a tunnel may reach; fixed at create. */
  readonly ports?: readonly number[];
  readonly volumes?: readonly VolumeMount[];
  /** Start from this snapshot of `ProviderSnapshots.take` in place of the image. */
  readonly snapshotRef?: string;
  /** Shell lines, one each, that prepare the image before the sandbox starts. Needs `owner`: the result is kept for that one. */
  readonly setupCommands?: readonly string[];
}

export interface CreatedSandbox extends ProviderHandle {
  readonly imageDigest: string | null;
}

export type ProviderState =
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly returncode: number | null; readonly outOfMemory: boolean }
  /** The provider says explicitly that it does not know the handle. */
  | { readonly kind: 'not_found' };

export interface ListedSandbox extends ProviderHandle {
  /** Null where the provider object does not carry our label. */
  readonly sandboxId: string | null;
  /** Null where the provider does not say. */
  readonly createdAt: Date | null;
  /** Whether it runs; absent where the list does not say, so that each one has to be looked at. */
  readonly isRunning?: boolean;
}

/**
 * Every method takes an AbortSignal that its caller aborts at the deadline; after that the call rejects with
 * ProviderError `timeout` and may still have happened.
 */
export interface SandboxProvider {
  readonly name: ProviderName;
  readonly files?: ProviderFiles;
  readonly processes?: ProviderProcesses;
  readonly snapshots?: ProviderSnapshots;
  readonly tunnels?: ProviderTunnels;
  readonly volumes?: ProviderVolumes;
  capabilities(): ProviderCapabilities;
  /** Rejects `timeout` when it is not known whether the provider object exists. */
  create(spec: SandboxSpec, signal: AbortSignal): Promise<CreatedSandbox>;
  /** Finishes what a create that died may have left undone of a sandbox that runs; absent where nothing can be. Safe to repeat. */
  complete?(handle: ProviderHandle, signal: AbortSignal): Promise<void>;
  /** Rejects `gone` when the sandbox has ended. argv is executed as it is, never through a shell. */
  exec(handle: ProviderHandle, argv: readonly string[], options: ExecOptions, signal: AbortSignal): Promise<ProviderProcess>;
  inspect(handle: ProviderHandle, signal: AbortSignal): Promise<ProviderState>;
  /** Resolves once the provider object is gone; resolves for one that is gone already. */
  terminate(handle: ProviderHandle, signal: AbortSignal): Promise<void>;
  /** Every provider object that carries this installation's id. */
  list(installationId: string, signal: AbortSignal): Promise<readonly ListedSandbox[]>;
  close(): Promise<void>;
}

export const SANDBOX_PROVIDER = Symbol('SandboxProvider');

export type ProviderErrorKind =
  'gone' | 'not_found' | 'unavailable' | 'rate_limited' | 'timeout' | 'invalid' | 'setup_failed' | 'misconfigured' | 'internal';

/** What a provider throws, whatever its own library threw. */
export class ProviderError extends Error {
  constructor(
    readonly kind: ProviderErrorKind,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number; problem?: FileProblem; output?: string } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ProviderError';
    this.retryAfterMs = options.retryAfterMs;
    this.problem = options.problem;
    this.output = options.output;
  }
  readonly retryAfterMs: number | undefined;
  /** Of an `invalid`: what the file system says. */
  readonly problem: FileProblem | undefined;
  /** Of a `setup_failed`: the end of what the setup commands wrote. */
  readonly output: string | undefined;
}

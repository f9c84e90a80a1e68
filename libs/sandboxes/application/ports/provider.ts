/**
 * What a sandbox provider can do. The shape is what every provider can offer: a process started by `exec` cannot be
 * killed or found again through the port; it ends by itself, by its timeout, or with its sandbox.
 */

export type ProviderName = 'container' | 'modal';

/** How strongly a sandbox is separated from its host and neighbours. */
export type IsolationLevel = 'shared-kernel' | 'gvisor' | 'modal-gvisor';

/** `none`: no network at all. `public`: the public internet and nothing private. */
export type NetworkPolicy = 'none' | 'public';

export interface ProviderCapabilities {
  readonly isolation: IsolationLevel;
  readonly networkPolicy: NetworkPolicy;
  readonly gpu: boolean;
}

export interface SandboxSpec {
  /** Tollbox's own id (`sb-…`); the provider object carries it as a label or tag. */
  readonly sandboxId: string;
  /** The installation that owns the provider object; carried as a label or tag. */
  readonly installationId: string;
  /** The image as sold, for example `python:3.11`. The provider resolves it to a digest. */
  readonly image: string;
  /** Thousandths of a sold vCPU. */
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly gpu: string | null;
  /** The provider ends the sandbox by itself after this time, even when Tollbox is down. */
  readonly lifetimeMs: number;
}

/** A provider object that belongs to a sandbox. */
export interface ProviderHandle {
  readonly providerRef: string;
}

export interface CreatedSandbox extends ProviderHandle {
  readonly imageDigest: string | null;
}

export type ProviderState =
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly returncode: number | null; readonly outOfMemory: boolean }
  /** The provider says explicitly that it does not know the handle. */
  | { readonly kind: 'not_found' };

export interface ExecOptions {
  /** The process group is killed after this time (above 0), and `exit` resolves with returncode 137 and `timedOut: true`. */
  readonly timeoutMs: number;
}

export interface ProcessExit {
  readonly returncode: number;
  readonly timedOut: boolean;
}

export interface ProviderProcess {
  /**
   * Both streams must be read at the same time and to their ends; the reader decides what to keep. A process waits for its
   * reader. A timeout ends both streams normally.
   */
  readonly stdout: AsyncIterable<Uint8Array>;
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Resolves after both streams have ended. Rejects `gone` when the sandbox ended under the process, `timeout` after the signal. */
  readonly exit: Promise<ProcessExit>;
}

export interface ListedSandbox extends ProviderHandle {
  /** Null where the provider object does not carry our label. */
  readonly sandboxId: string | null;
  /** Null where the provider does not say. */
  readonly createdAt: Date | null;
}

/**
 * Every method takes an AbortSignal that its caller aborts at the deadline; after that the call rejects with
 * ProviderError `timeout` and may still have happened.
 */
export interface SandboxProvider {
  readonly name: ProviderName;
  capabilities(): ProviderCapabilities;
  /** Rejects `timeout` when it is not known whether the provider object exists. */
  create(spec: SandboxSpec, signal: AbortSignal): Promise<CreatedSandbox>;
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
  'gone' | 'not_found' | 'unavailable' | 'rate_limited' | 'timeout' | 'invalid' | 'misconfigured' | 'internal';

/** What a provider throws, whatever its own library threw. */
export class ProviderError extends Error {
  constructor(
    readonly kind: ProviderErrorKind,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'ProviderError';
    this.retryAfterMs = options.retryAfterMs;
  }
  readonly retryAfterMs: number | undefined;
}

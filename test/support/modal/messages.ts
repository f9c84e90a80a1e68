/** The messages of Modal's protocol, cut down to the fields that the local control plane reads and answers. */

export const GenericStatus = {
  success: 1,
  failure: 2,
  terminated: 3,
  timeout: 4,
  initFailure: 5,
  internalFailure: 6,
  idleTimeout: 7,
} as const;
export type GenericStatus = (typeof GenericStatus)[keyof typeof GenericStatus];

export const CREATE_IF_MISSING = 1;
export const STDOUT_PIPE = 1;
export const STDERR_PIPE = 1;
export const STDERR_DESCRIPTOR = 1;

export interface GenericResult {
  readonly status: GenericStatus;
  readonly exitcode: number;
  readonly exception: string;
}

export interface Tag {
  readonly tagName: string;
  readonly tagValue: string;
}

/** Variables, given inline or as the id of a secret. */
export interface SecretSource {
  readonly env?: { readonly contents: Readonly<Record<string, string>> };
  readonly secretId?: string;
}

export interface SecretGetOrCreateRequest {
  readonly envDict: Readonly<Record<string, string>>;
}

export interface PtyInfo {
  readonly enabled: boolean;
  readonly winszRows: number;
  readonly winszCols: number;
}

export interface SandboxDefinition {
  readonly entrypointArgs: readonly string[];
  readonly imageId: string;
  readonly timeoutSecs: number;
  readonly idleTimeoutSecs?: number;
  readonly workdir?: string;
  readonly secretIds?: readonly string[];
  readonly runtime?: string;
  readonly resources?: {
    readonly milliCpu: number;
    readonly milliCpuMax: number;
    readonly memoryMb: number;
    readonly memoryMbMax: number;
    readonly gpuConfig?: { readonly gpuType: string; readonly count: number };
  };
  readonly networkAccess?: {
    /** 1 open, 2 blocked, 3 allow-list. */
    readonly networkAccessType: number;
    readonly allowedCidrs: readonly string[];
    readonly allowedDomains: readonly string[];
  };
}

export interface SandboxCreateRequest {
  readonly appId: string;
  readonly definition?: SandboxDefinition;
  readonly tags: readonly Tag[];
  /** In the newer API only; the older one names secrets in the definition. */
  readonly secretSources?: readonly SecretSource[];
}

export interface SandboxRequest {
  readonly sandboxId: string;
}

export interface SandboxWaitRequest extends SandboxRequest {
  /** Seconds. */
  readonly timeout: number;
}

export interface SandboxListRequest {
  readonly appId: string;
  /** Seconds since the epoch; 0 when absent. */
  readonly beforeTimestamp: number;
  readonly tags: readonly Tag[];
}

export interface AppGetOrCreateRequest {
  readonly appName: string;
  readonly objectCreationType: number;
}

export interface ImageGetOrCreateRequest {
  readonly image?: {
    readonly dockerfileCommands: readonly string[];
    readonly baseImages?: readonly { readonly imageId: string }[];
  };
  readonly forceBuild: boolean;
}

export interface EnvironmentGetOrCreateRequest {
  readonly deploymentName: string;
}

export interface TaskExecStartRequest {
  readonly taskId: string;
  readonly execId: string;
  readonly commandArgs: readonly string[];
  readonly stdoutConfig: number;
  readonly stderrConfig: number;
  readonly timeoutSecs?: number;
  readonly workdir?: string;
  readonly secretSources: readonly SecretSource[];
  readonly ptyInfo?: PtyInfo;
}

export interface TaskExecRequest {
  readonly taskId: string;
  readonly execId: string;
}

export interface TaskExecStdioReadRequest extends TaskExecRequest {
  readonly offset: number;
  readonly fileDescriptor: number;
}

export interface TaskExecStdinWriteRequest extends TaskExecRequest {
  readonly offset: number;
  readonly data: Uint8Array;
  readonly eof: boolean;
}

export interface TaskSnapshotFilesystemRequest {
  readonly taskId: string;
  /** A repeated id is the same snapshot. */
  readonly snapshotId: string;
  /** Positive seconds, or -1 for ever. */
  readonly ttlSeconds?: number;
}

export interface ImageRequest {
  readonly imageId: string;
}

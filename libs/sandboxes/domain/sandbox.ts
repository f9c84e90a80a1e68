import type { NetworkOrder } from './network-order';
import type { DesiredState, EndReason, SandboxState } from './sandbox-state';

export type Tags = Readonly<Record<string, string>>;

/** What a buyer may ask for beside hardware and lifetime, as it is kept. */
export interface SandboxOptions {
  /** Unique among the live sandboxes of its owner. */
  readonly name?: string;
  readonly tags?: Tags;
  /** Ends the sandbox after this time without a command. */
  readonly idleTimeoutMs?: number;
  /** Absent where the buyer leaves it to the provider. */
  readonly network?: NetworkOrder;
  /** Ports that tunnels may reach. */
  readonly ports?: readonly number[];
  /** Shell lines that prepare the image; never an empty list. */
  readonly setupCommands?: readonly string[];
}

/** What a buyer asked for, after validation. */
export interface SandboxOrder extends SandboxOptions {
  readonly image: string;
  /** Thousandths of a sold vCPU. */
  readonly cpuMillis: number;
  readonly memoryMiB: number;
  readonly gpu: string | null;
  readonly lifetimeMs: number;
  /** Variables of every process. Only their names are kept. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A sandbox as its row says. */
export interface Sandbox extends Omit<SandboxOrder, 'env' | keyof SandboxOptions> {
  readonly name: string | null;
  readonly tags: Tags;
  readonly idleTimeoutMs: number | null;
  /** Null where the buyer left it to the provider. */
  readonly network: NetworkOrder | null;
  readonly ports: readonly number[];
  readonly envNames: readonly string[];
  readonly id: string;
  /** Lower-case address of the wallet that paid for it. */
  readonly owner: string | null;
  readonly state: SandboxState;
  readonly desiredState: DesiredState;
  /** Why it ended or is ending. */
  readonly reason: EndReason | null;
  /** The operation that created it. */
  readonly operationId: string;
  readonly provider: string;
  readonly providerRef: string | null;
  readonly isolation: string;
  readonly networkPolicy: string;
  readonly imageDigest: string | null;
  /** When the sold lifetime is over; counts from the moment it runs. */
  readonly deadlineAt: Date;
  readonly ghostSightings: number;
  /** Exit code of the sandbox's own first process, where the provider told it. */
  readonly returncode: number | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
}

export type ExecutionState = 'started' | 'finished' | 'failed';

/** What a command left: the bytes that are kept, and what is known of all bytes. */
export interface ExecutionResult {
  readonly returncode: number;
  readonly timedOut: boolean;
  readonly stdout: CapturedOutput;
  readonly stderr: CapturedOutput;
  readonly durationMs: number;
}

export interface CapturedOutput {
  /** The beginning of the output, at most the configured number of bytes. */
  readonly bytes: Uint8Array;
  /** Length of the whole output. */
  readonly totalBytes: number;
  readonly truncated: boolean;
  /** Of the whole output, lower-case hex. */
  readonly sha256: string;
}

/** One command as its row says. `result` is there while the state is `finished` and the whole answer is kept. */
export interface Execution {
  readonly id: string;
  readonly operationId: string;
  readonly sandboxId: string;
  readonly owner: string;
  readonly state: ExecutionState;
  readonly result: ExecutionResult | null;
  readonly error: string | null;
}

/** Whether a buyer can still use the sandbox at this time. */
export function isUsable(sandbox: Sandbox, nowMs: number): boolean {
  return sandbox.state === 'running' && sandbox.desiredState === 'running' && sandbox.deadlineAt.getTime() > nowMs;
}

/** Why a buyer cannot use it any more: a sandbox whose time is over is over before anybody has ended it. */
export function endReason(sandbox: Sandbox): EndReason {
  return sandbox.reason ?? 'deadline';
}

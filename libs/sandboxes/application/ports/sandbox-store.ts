import type { CreateRefusal, LiveCounts, LiveLimits } from '../../domain/create-limits';
import type { Execution, ExecutionResult, Sandbox, SandboxOrder } from '../../domain/sandbox';
import type { EndReason, SandboxState } from '../../domain/sandbox-state';

/** Who changes a sandbox: a wallet, a staff key or a part of the system, for the event. */
export interface Actor {
  readonly actor: string;
  readonly operationId?: string | undefined;
}

export interface NewSandbox extends SandboxOrder {
  readonly id: string;
  /** Name of the operation that creates it. */
  readonly operation: string;
  readonly owner: string;
  readonly operationId: string;
  readonly provider: string;
  readonly isolation: string;
  readonly networkPolicy: string;
  /** Added to the lifetime for the deadline of a sandbox that never comes to run. */
  readonly createDeadlineMs: number;
}

export type { LiveCounts, LiveLimits } from '../../domain/create-limits';

export type RequestResult = Sandbox | 'abandoned' | 'draining' | 'name_taken' | CreateRefusal;

/** A change of state. It happens only from one of `from`; otherwise nothing changes. */
export interface StateChange extends Actor {
  readonly id: string;
  readonly from: readonly SandboxState[];
  readonly to: SandboxState;
  /** Name of the event, for example `started`. */
  readonly kind: string;
  /** The change also needs this desired state. */
  readonly onlyIfDesired?: 'running';
  /** Also sets the desired state to `terminated`. */
  readonly end?: boolean;
  /** Kept unless there is a reason already. */
  readonly reason?: EndReason;
  readonly providerRef?: string;
  readonly imageDigest?: string | null;
  readonly returncode?: number | null;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface TagChange {
  readonly operationId: string;
  readonly operation: string;
  readonly sandboxId: string;
  readonly owner: string;
  readonly tags: Readonly<Record<string, string | null>>;
  readonly maxTags: number;
}

export interface NewExecution {
  readonly id: string;
  readonly operationId: string;
  /** Name of the operation that runs it. */
  readonly operation: string;
  readonly sandboxId: string;
  readonly owner: string;
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  /** A command that a dead process left as `started` stops counting after its timeout plus this. */
  readonly overheadMs: number;
  readonly maxRunning: number;
}

export type StartResult = 'started' | 'abandoned' | 'not_running' | 'busy';

/**
 * The rows of the sandboxes. Every change is one compare-and-set with its event in the same transaction; times are the
 * database's.
 */
export interface SandboxStore {
  find(id: string): Promise<Sandbox | null>;
  findByOperation(operationId: string): Promise<Sandbox | null>;
  countLive(owner: string): Promise<LiveCounts>;

  /** Inserts operation, row (`requested`) and event, unless a limit, draining or a settled operation forbids it. */
  requestSandbox(sandbox: NewSandbox, limits: LiveLimits): Promise<RequestResult>;
  /** The changed sandbox, or null when it was in no state of `from`. Entering `running` starts its lifetime. */
  change(change: StateChange): Promise<Sandbox | null>;
  /** Sets the desired state to `terminated` for good. Null when it was set before or the sandbox is over. */
  requestEnd(id: string, reason: EndReason, by: Actor): Promise<Sandbox | null>;
  /** Whether a live sandbox of the owner has the name. */
  isNameTaken(owner: string, name: string): Promise<boolean>;
  /**
   * Sets tags and removes those that are null, with operation and event in one transaction. Null when the operation is
   * known already; `too_many` when more than `maxTags` would be left.
   */
  changeTags(change: TagChange): Promise<Sandbox | 'too_many' | null>;
  /** Appends an event that changes no state. */
  note(id: string, kind: string, by: Actor, detail?: Readonly<Record<string, unknown>>): Promise<void>;
  /** Remembers the provider object of a row that does not know it, so that ending the row removes it. */
  rememberProviderRef(id: string, providerRef: string): Promise<void>;

  /** Counts an explicit not-found of the provider; answers the count. */
  countGhostSighting(id: string): Promise<number>;
  clearGhostSightings(id: string): Promise<void>;

  /** Records, with an event, that an operation that only reads starts. False when the operation is known already. */
  startRead(operationId: string, name: string, sandboxId: string, owner: string): Promise<boolean>;
  /** Settles an operation that has not started: it never can from now on. `started` when it has. */
  abandonOperation(operationId: string, name: string): Promise<'abandoned' | 'started'>;
  /** startOperation and requestEnd (reason `requested`) in one transaction. False as in startRead. */
  startTerminate(operationId: string, name: string, sandboxId: string, owner: string): Promise<boolean>;
  /** The sandbox that a started operation works on. */
  sandboxOfOperation(operationId: string): Promise<string | null>;

  /** Commands of the sandbox that run now. */
  countRunning(sandboxId: string, overheadMs: number): Promise<number>;
  /** Commands that run now in all sandboxes of a wallet, and in all of the installation. */
  countRunningOf(owner: string, overheadMs: number): Promise<{ readonly ofOwner: number; readonly ofInstallation: number }>;
  /** Inserts operation and execution (`started`) while the sandbox runs and has room. */
  startExecution(execution: NewExecution): Promise<StartResult>;
  /** Compare-and-set `started` to `finished`; false when somebody else settled it. */
  finishExecution(operationId: string, result: ExecutionResult): Promise<boolean>;
  /** Compare-and-set `started` to `failed`; false when somebody else settled it. */
  failExecution(operationId: string, error: string): Promise<boolean>;
  findExecution(operationId: string): Promise<Execution | null>;
}

export const SANDBOX_STORE = Symbol('SandboxStore');

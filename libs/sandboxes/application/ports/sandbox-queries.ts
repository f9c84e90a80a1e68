import type { Sandbox } from '../../domain/sandbox';
import type { EndReason, SandboxState } from '../../domain/sandbox-state';

export interface SandboxFilter {
  /** Lower-case address. */
  readonly owner?: string | undefined;
  readonly state?: SandboxState | undefined;
  readonly provider?: string | undefined;
  readonly reason?: EndReason | undefined;
  readonly createdFrom?: Date | undefined;
  /** Exclusive. */
  readonly createdTo?: Date | undefined;
}

/** A place between two sandboxes in the order newest first. */
export interface SandboxCursor {
  readonly createdAt: Date;
  readonly id: string;
}

export interface SandboxPage {
  readonly sandboxes: readonly Sandbox[];
  readonly hasMore: boolean;
}

export interface SandboxEventRecord {
  readonly id: string;
  readonly kind: string;
  readonly fromState: string | null;
  readonly toState: string | null;
  readonly reason: string | null;
  readonly operationId: string | null;
  readonly actor: string;
  readonly detail: unknown;
  readonly at: Date;
}

/** Output as an operator sees it: both ends of what is kept, and what is known of the whole. */
export interface OutputExcerpt {
  readonly head: Buffer | null;
  /** Null where the head is all that is kept. */
  readonly tail: Buffer | null;
  readonly totalBytes: number | null;
  readonly truncated: boolean;
  readonly sha256: string | null;
}

export interface ExecutionRecord {
  readonly id: string;
  readonly operationId: string;
  readonly argv: unknown;
  readonly state: string;
  readonly returncode: number | null;
  readonly timedOut: boolean;
  readonly timeoutMs: number;
  readonly durationMs: number | null;
  readonly error: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly stdout: OutputExcerpt;
  readonly stderr: OutputExcerpt;
}

export interface OperationEntry {
  readonly operationId: string;
  readonly name: string;
  readonly at: Date;
}

export interface SandboxHistory {
  readonly sandbox: Sandbox;
  /** Oldest first; the newest ones where there are more than are shown. */
  readonly events: readonly SandboxEventRecord[];
  readonly executions: readonly ExecutionRecord[];
  readonly operations: readonly OperationEntry[];
  /** Of each list, how many there are in all. */
  readonly totals: { readonly events: number; readonly executions: number; readonly operations: number };
}

/** Reading sandboxes for staff. */
export interface SandboxQueries {
  /** Newest first, from the cursor on. New sandboxes do not move a page. */
  page(filter: SandboxFilter, after: SandboxCursor | undefined, limit: number): Promise<SandboxPage>;
  history(id: string): Promise<SandboxHistory | null>;
}

export const SANDBOX_QUERIES = Symbol('SandboxQueries');

import type { Sandbox } from '@tollbox/sandboxes/domain/sandbox';
import type { EndReason, SandboxState } from '@tollbox/sandboxes/domain/sandbox-state';

/** What the sweep needs to know of the row that a provider object names. */
export interface RowOfObject {
  readonly id: string;
  readonly state: SandboxState;
  readonly provider: string;
  readonly providerRef: string | null;
}

/** A wish for which the reaper ends sandboxes by itself. */
export type DueReason = Extract<EndReason, 'deadline' | 'create_interrupted'>;

/**
 * The rows that need the reaper. Rows that another worker has locked are skipped; times are the database's. All methods
 * see the rows of one provider.
 */
export interface ReaperStore {
  /** Records the end of sandboxes whose sold time is over; answers their ids, most overdue first. */
  requestEndOfExpired(provider: string, limit: number): Promise<readonly string[]>;
  /** Records the end of creates that nobody finished and that are older than this. */
  requestEndOfStuck(provider: string, olderThanMs: number, limit: number): Promise<readonly string[]>;
  /** Takes sandboxes that must end and that nobody has touched for this long; touched by this, others leave them alone. */
  takeUnfinishedEnds(provider: string, untouchedForMs: number, limit: number): Promise<readonly string[]>;

  /** Running sandboxes whose provider object is not among these. */
  runningWithoutObject(provider: string, providerRefs: readonly string[], limit: number): Promise<readonly Sandbox[]>;
  /** Running sandboxes in the order of their ids, from this one (exclusive) on. */
  runningAfter(provider: string, id: string, limit: number): Promise<readonly Sandbox[]>;
  rowsOf(sandboxIds: readonly string[]): Promise<ReadonlyMap<string, RowOfObject>>;

  /**
   * Remembers that these objects are unexplained now and forgets all others.
   * @returns for each how long it has been unexplained, in milliseconds
   */
  rememberUnexplained(provider: string, providerRefs: readonly string[]): Promise<ReadonlyMap<string, number>>;

  /** Takes or renews the lease. False when another holder has it. */
  holdLease(name: string, holder: string, ttlMs: number): Promise<boolean>;
  releaseLease(name: string, holder: string): Promise<void>;
}

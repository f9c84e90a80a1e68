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
export type DueReason = Extract<EndReason, 'deadline' | 'idle' | 'create_interrupted'>;

/** A sandbox that was taken in order to end it. */
export interface EndingSandbox extends Sandbox {
  /** How often a worker has tried to end it, this time included. */
  readonly endAttempts: number;
}

/**
 * The rows that need the reaper, of one provider; times are the database's. What is taken is left alone by other workers
 * for `leaseMs`, rows that another one is taking are skipped. No wallet is served twice before every other one that waits
 * has been served once; among equals the most overdue comes first.
 */
export interface ReaperStore {
  /** Takes sandboxes whose sold time is over; their end is recorded. */
  takeExpired(provider: string, leaseMs: number, limit: number): Promise<readonly EndingSandbox[]>;
  /** Takes sandboxes that nobody used for longer than their idle timeout; their end is recorded. */
  takeIdle(provider: string, leaseMs: number, limit: number): Promise<readonly EndingSandbox[]>;
  /** Takes creates that nobody finished and that are older than this; their end is recorded. */
  takeStuck(provider: string, olderThanMs: number, leaseMs: number, limit: number): Promise<readonly EndingSandbox[]>;
  /** Takes sandboxes that must end and whose next attempt has come. */
  takeUnfinishedEnds(provider: string, leaseMs: number, limit: number): Promise<readonly EndingSandbox[]>;
  /** Sets the time of the next attempt. */
  postponeEnd(id: string, delayMs: number): Promise<void>;
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

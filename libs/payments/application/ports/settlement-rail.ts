import type { Lease } from './settlement-store';

export interface SendReport {
  /** Payments that left the queue or were decided; zero when there was nothing to take, or no room. */
  readonly taken: number;
  /** When to look again although nothing wakes the loop; null: at the next signal. */
  readonly lookAgainMs: number | null;
}

export interface FollowReport {
  /** What is on its way and has no outcome yet. */
  readonly open: number;
  /** What ended in this pass. */
  readonly ended: number;
}

/**
 * One way of bringing queued payments to the chain: a signing key of ours, or somebody else's facilitator. The loop
 * holds the rail's lease, calls `send` and `follow` beside each other, and never one of them twice at once.
 */
export interface SettlementRail {
  /** One process drives the rail at a time: the one that holds this lease. */
  readonly leaseName: string;
  /** Takes queued payments and starts them on their way. */
  send(lease: Lease): Promise<SendReport>;
  /** Drives to its end what is on its way, also what a dead process left there. */
  follow(lease: Lease): Promise<FollowReport>;
  /** Waits, before the lease is given back, for what the rail still does behind the loop. */
  stop?(): Promise<void>;
}

import type { PoolProfile } from '../../domain/pool';
import type { Sandbox } from '../../domain/sandbox';
import type { LiveLimits, NewSandbox, RequestResult } from './sandbox-store';

export interface NewPoolMember extends PoolProfile {
  readonly id: string;
  /** The pool's own operation, under which the provider's cost until the claim is booked. */
  readonly operationId: string;
  readonly provider: string;
  readonly isolation: string;
  readonly networkPolicy: string;
  readonly lifetimeMs: number;
  readonly createDeadlineMs: number;
}

/** What every member that is asked for must be. */
export interface PoolSource {
  readonly provider: string;
  readonly isolation: string;
  readonly networkPolicy: string;
}

export interface PoolCount {
  readonly profile: PoolProfile;
  /** Members that are there or being made. */
  readonly members: number;
  /** Sandboxes that were created for wallets in the window. */
  readonly creates: number;
}

/** The rows of the pool. Every change is a compare-and-set with its event. */
export interface PoolStore {
  /** A member that may be claimed; different callers get different ones as far as there are enough. */
  pick(profile: PoolProfile, source: PoolSource): Promise<Sandbox | null>;
  /**
   * Gives a member to an owner, with operation and order, in one transaction with the checks of a create. `taken` when it
   * is no pool member any more.
   */
  claim(memberId: string, sandbox: NewSandbox, limits: LiveLimits): Promise<RequestResult | 'taken'>;

  /** Inserts a member (`requested`) and its event, unless the installation drains. */
  request(member: NewPoolMember): Promise<boolean>;
  /** `provisioning` to `pooled`; it is ended by itself after its age. False when somebody decided otherwise meanwhile. */
  ready(id: string, providerRef: string, imageDigest: string | null, maxAgeMs: number): Promise<boolean>;
  /** Profiles that have members or were in demand. */
  counts(source: PoolSource, windowMs: number): Promise<readonly PoolCount[]>;
  members(source: PoolSource, limit: number): Promise<readonly Sandbox[]>;
  /** Members of a profile that are too many, the oldest first; they must end. */
  endSurplus(profile: PoolProfile, source: PoolSource, count: number): Promise<number>;
  /** What one second of each resource costs at the provider now, in USD at 10⁻¹². */
  secondRates(provider: string): Promise<ReadonlyMap<string, bigint>>;
  holdLease(holder: string, ttlMs: number): Promise<boolean>;
}

export const POOL_STORE = Symbol('PoolStore');

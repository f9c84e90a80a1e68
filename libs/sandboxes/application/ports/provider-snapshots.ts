import type { ProviderHandle } from './provider-handle';

export interface TakenSnapshot {
  /** The provider's own reference, for `SandboxSpec.snapshotRef`. */
  readonly snapshotRef: string;
  /** What the sandbox wrote over its image; null where the provider does not say. */
  readonly sizeBytes: number | null;
}

export interface ListedSnapshot {
  readonly snapshotRef: string;
  /** Null where the provider object does not carry our label. */
  readonly snapshotId: string | null;
  readonly createdAt: Date;
}

/**
 * File system snapshots: what files hold at one moment, without processes, memory, volumes and temporary file systems. They
 * outlive their sandbox until they are deleted or expire.
 */
export interface ProviderSnapshots {
  /**
   * `installationId` and `snapshotId` are carried as labels where the provider has them, so that a lost one is found.
   * Rejects `invalid` with `too_large` for more than the provider may keep.
   */
  take(
    handle: ProviderHandle,
    labels: { readonly installationId: string; readonly snapshotId: string },
    options: { readonly ttlMs: number },
    signal: AbortSignal,
  ): Promise<TakenSnapshot>;
  /** Resolves for one that is gone already. Rejects `unavailable` while a sandbox that was made from it needs it. */
  remove(snapshotRef: string, signal: AbortSignal): Promise<void>;
  /** Every snapshot that carries this installation's id; null where the provider cannot list them: they end by their own expiry. */
  list(installationId: string, signal: AbortSignal): Promise<readonly ListedSnapshot[] | null>;
}

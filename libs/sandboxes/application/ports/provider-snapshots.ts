import type { ProviderHandle } from './provider-handle';

export interface TakenSnapshot {
  /** The provider's own reference, for `SandboxSpec.snapshotRef`. */
  readonly snapshotRef: string;
  /** Null where the provider does not say. */
  readonly sizeBytes: number | null;
}

/** File system snapshots. They outlive their sandbox until they are deleted or expire. */
export interface ProviderSnapshots {
  /** `installationId` and `snapshotId` are carried as labels where the provider has them, so that a lost one is found. */
  take(
    handle: ProviderHandle,
    labels: { readonly installationId: string; readonly snapshotId: string },
    options: { readonly ttlMs: number },
    signal: AbortSignal,
  ): Promise<TakenSnapshot>;
  /** Resolves for one that is gone already. */
  remove(snapshotRef: string, signal: AbortSignal): Promise<void>;
}

/** Storage by name that outlives sandboxes. */
export interface ProviderVolumes {
  /** Makes it when it is not there; answers the provider's own reference. `name` is unique within the installation. */
  ensure(installationId: string, name: string, signal: AbortSignal): Promise<string>;
  /** Resolves for one that is gone already. Rejects `invalid` while a sandbox uses it. */
  remove(volumeRef: string, signal: AbortSignal): Promise<void>;
}

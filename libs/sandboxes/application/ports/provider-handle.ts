/** A provider object that belongs to a sandbox. */
export interface ProviderHandle {
  readonly providerRef: string;
}

import type { ProviderHandle } from './provider-handle';

/** Where the gateway (or, with `publicUrl`, anyone) reaches a port of a sandbox. */
export interface ProviderTunnel {
  /** Port inside the sandbox. */
  readonly containerPort: number;
  /** Set where the provider itself publishes the port. */
  readonly publicUrl: string | null;
  /** Set where the gateway must forward: an address that only this host reaches. */
  readonly target: { readonly host: string; readonly port: number } | null;
}

/** Ports that were named at create. A tunnel ends with its sandbox. */
export interface ProviderTunnels {
  list(handle: ProviderHandle, signal: AbortSignal): Promise<readonly ProviderTunnel[]>;
}

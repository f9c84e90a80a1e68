import type { Config } from '@tollbox/platform/config/config';
import { TunnelAddresses } from '../../domain/tunnel';

export interface TunnelSettings {
  /** Null where the operator has set up no place for tunnels: then none are sold. */
  readonly addresses: TunnelAddresses | null;
  readonly maxPerSandbox: number;
  readonly maxConnectionsPerTunnel: number;
  readonly maxConnectionBytes: number;
  readonly idleMs: number;
  readonly lookDeadlineMs: number;
}

export function tunnelSettings(config: Config): TunnelSettings {
  return {
    addresses: config.TUNNEL_PUBLIC_URL === undefined ? null : new TunnelAddresses(config.TUNNEL_PUBLIC_URL),
    maxPerSandbox: config.TUNNEL_MAX_PER_SANDBOX,
    maxConnectionsPerTunnel: config.TUNNEL_MAX_CONNECTIONS,
    maxConnectionBytes: config.TUNNEL_MAX_CONNECTION_BYTES,
    idleMs: config.TUNNEL_IDLE_MS,
    lookDeadlineMs: config.SANDBOX_INSPECT_DEADLINE_MS,
  };
}

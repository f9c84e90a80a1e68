import type { Tunnel } from '../../domain/tunnel';

export interface NewTunnel {
  readonly id: string;
  readonly owner: string;
  readonly sandboxId: string;
  readonly operationId: string;
  readonly containerPort: number;
  readonly tokenSha256: string | null;
}

/** A tunnel whose sandbox can be used now. */
export interface OpenTunnel extends Tunnel {
  readonly provider: string;
  readonly providerRef: string;
}

export type OpenTunnelResult = Tunnel | 'abandoned' | 'not_running' | 'limit_of_sandbox';

/** The rows of the tunnels. A tunnel is open as long as its row is not closed and its sandbox can be used. */
export interface TunnelStore {
  /** Inserts operation and tunnel, unless the sandbox has ended, has too many or the operation is settled. */
  open(tunnel: NewTunnel, maxPerSandbox: number): Promise<OpenTunnelResult>;
  findByOperation(operationId: string): Promise<Tunnel | null>;
  /** Those of these ids that are open now. */
  findOpen(ids: readonly string[]): Promise<readonly OpenTunnel[]>;
  /** Open tunnels of a sandbox, newest first. */
  ofSandbox(sandboxId: string): Promise<readonly Tunnel[]>;
  closeByOperation(operationId: string): Promise<void>;
}

export const TUNNEL_STORE = Symbol('TunnelStore');

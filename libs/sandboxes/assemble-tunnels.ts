import type { Clock } from '@tollbox/platform/clock/clock';
import type { Random } from '@tollbox/platform/clock/random';
import type { Config } from '@tollbox/platform/config/config';
import type { SandboxAccess } from './application/access';
import { TunnelOperation } from './application/operations/tunnel.operation';
import type { SandboxProvider } from './application/ports/provider';
import type { RefusalObserver } from './application/ports/refusal-observer';
import type { SandboxStore } from './application/ports/sandbox-store';
import type { TunnelStore } from './application/ports/tunnel-store';
import type { ProviderCalls } from './application/provider-calls';
import { ListTunnels } from './application/tunnels/list-tunnels';
import { OpenTunnels } from './application/tunnels/open-tunnel';
import { PassTunnel } from './application/tunnels/pass-tunnel';
import { tunnelSettings } from './application/tunnels/tunnel-settings';
import { TunnelTargets } from './application/tunnels/tunnel-targets';
import { newTunnelId } from './domain/tunnel';

export interface TunnelParts {
  readonly store: SandboxStore;
  readonly tunnelStore: TunnelStore;
  readonly provider: SandboxProvider;
  readonly clock: Clock;
  readonly random: Random;
  readonly refusals: RefusalObserver;
}

/** The use cases of tunnels, put together. */
export interface Tunnels {
  readonly open: OpenTunnels;
  readonly list: ListTunnels;
  readonly pass: PassTunnel;
  readonly operation: TunnelOperation;
}

export function assembleTunnels(config: Config, parts: TunnelParts, calls: ProviderCalls, access: SandboxAccess): Tunnels {
  const { store, tunnelStore, provider, clock, random, refusals } = parts;
  const settings = tunnelSettings(config);
  const targets = new TunnelTargets(provider, settings, clock);
  const newId = () => newTunnelId((length) => random.bytes(length));
  const open = new OpenTunnels(tunnelStore, access, calls, targets, settings, clock, newId);
  return {
    open,
    list: new ListTunnels(tunnelStore, store, refusals, settings),
    pass: new PassTunnel(tunnelStore, provider, targets),
    operation: new TunnelOperation(open, store, tunnelStore, targets, settings),
  };
}

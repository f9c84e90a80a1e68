import type { EngineFacts } from '../engine-facts';
import { HostTools } from './host-tools';
import { type NetworkSettings, SandboxNetworks } from './sandbox-networks';

/**
 * Null where sandboxes cannot be held to a policy: an engine that is not on this host, a process that may not change the
 * host's network, gVisor (which takes no interface that comes after its start), or Docker, whose own filter drops what it
 * does not forward itself.
 */
export async function findSandboxNetworks(
  { dockerHost, network }: { readonly dockerHost: string; readonly network?: NetworkSettings },
  engine: EngineFacts,
  signal: AbortSignal,
): Promise<SandboxNetworks | null> {
  if (network === undefined || !dockerHost.startsWith('unix://')) return null;
  if (engine.kind !== 'podman' || engine.isolation !== 'shared-kernel') return null;
  const tools = await HostTools.find(signal);
  return tools === null ? null : new SandboxNetworks(tools, network);
}

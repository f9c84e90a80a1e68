import type Docker from 'dockerode';
import { ProviderError, type ProviderHandle } from '../../../application/ports/provider';
import type { ProviderTunnel, ProviderTunnels } from '../../../application/ports/provider-tunnels';
import { LABEL_PORTS } from '../container-options';
import { withinDeadline } from '../deadline';
import { isUnknownContainer, toProviderError } from '../engine-errors';
import type { SandboxNetworks } from './sandbox-networks';

/** Ports of a sandbox, on the address that only its host reaches. */
export class ContainerTunnels implements ProviderTunnels {
  constructor(
    private readonly docker: Docker,
    private readonly networks: SandboxNetworks,
  ) {}

  async list({ providerRef }: ProviderHandle, signal: AbortSignal): Promise<readonly ProviderTunnel[]> {
    try {
      const asking = this.docker.getContainer(providerRef).inspect({ abortSignal: signal });
      const { Id, Config, State } = await withinDeadline(asking, signal, 'tunnels');
      const ports = JSON.parse(Config.Labels[LABEL_PORTS] ?? '[]') as number[];
      if (ports.length === 0) return [];
      if (State.Pid === 0) throw new ProviderError('gone', 'the sandbox has ended');
      const host = await this.networks.addressOf(Id, State.Pid, signal);
      return ports.map((port) => ({ containerPort: port, publicUrl: null, target: { host, port } }));
    } catch (error) {
      if (isUnknownContainer(error)) throw new ProviderError('gone', 'the sandbox has ended', { cause: error });
      throw toProviderError(error, 'tunnels');
    }
  }
}

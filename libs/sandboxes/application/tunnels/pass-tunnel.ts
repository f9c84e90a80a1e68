import { createHash, timingSafeEqual } from 'node:crypto';
import type { OpenTunnel, TunnelStore } from '../ports/tunnel-store';
import type { SandboxProvider } from '../ports/provider';
import type { TunnelTargets } from './tunnel-targets';

export type Passage =
  | { readonly kind: 'open'; readonly tunnelId: string; readonly host: string; readonly port: number }
  /** No such tunnel, or its sandbox has ended. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'token_needed' };

/** Decides who passes through a tunnel, and where to. */
export class PassTunnel {
  constructor(
    private readonly store: TunnelStore,
    private readonly provider: Pick<SandboxProvider, 'name'>,
    private readonly targets: TunnelTargets,
  ) {}

  /** @throws ProviderError when the provider cannot say where the port is */
  async admit(tunnelId: string, tokens: readonly string[]): Promise<Passage> {
    const [tunnel] = await this.store.findOpen([tunnelId]);
    if (tunnel?.provider !== this.provider.name) return { kind: 'unknown' };
    if (!opens(tunnel, tokens)) return { kind: 'token_needed' };
    const ports = await this.targets.of({ providerRef: tunnel.providerRef });
    const target = ports.find(({ containerPort }) => containerPort === tunnel.containerPort)?.target ?? null;
    return target === null ? { kind: 'unknown' } : { kind: 'open', tunnelId, ...target };
  }

  /** Those of these tunnels that are still open. */
  async stillOpen(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set((await this.store.findOpen(ids)).map(({ id }) => id));
  }
}

function opens({ tokenSha256 }: OpenTunnel, tokens: readonly string[]): boolean {
  if (tokenSha256 === null) return true;
  const wanted = Buffer.from(tokenSha256, 'hex');
  return tokens.some((token) => timingSafeEqual(createHash('sha256').update(token).digest(), wanted));
}

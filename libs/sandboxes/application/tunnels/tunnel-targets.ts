import type { Clock } from '@tollbox/platform/clock/clock';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { TunnelAddresses } from '../../domain/tunnel';
import { ProviderError, type ProviderHandle, type SandboxProvider } from '../ports/provider';
import type { ProviderTunnel } from '../ports/provider-tunnels';
import { withinDeadline } from '../provider-calls';
import type { TunnelSettings } from './tunnel-settings';

const REMEMBERED = 1_000;
/** Addresses are used again: what was heard of a sandbox that ends meanwhile must not be believed for long. */
const BELIEVED_MS = 1_000;

/** What the provider says of the ports of a sandbox. */
export class TunnelTargets {
  private readonly known = new Map<string, { readonly listed: readonly ProviderTunnel[]; readonly untilMs: number }>();

  constructor(
    private readonly provider: SandboxProvider,
    private readonly settings: TunnelSettings,
    private readonly clock: Clock,
  ) {}

  /** @throws TollboxError `not_supported_here` */
  requireAddresses(): TunnelAddresses {
    const { addresses } = this.settings;
    if (addresses === null || this.provider.tunnels === undefined)
      throw new TollboxError('not_supported_here', { details: 'tunnels' });
    return addresses;
  }

  /** @throws ProviderError */
  async of(handle: ProviderHandle): Promise<readonly ProviderTunnel[]> {
    const { tunnels } = this.provider;
    if (tunnels === undefined) throw new ProviderError('invalid', `${this.provider.name} has no tunnels`);
    const known = this.known.get(handle.providerRef);
    if (known !== undefined && known.untilMs > this.clock.nowMs()) return known.listed;
    const listed = await withinDeadline(this.settings.lookDeadlineMs, 'tunnels', (signal) => tunnels.list(handle, signal));
    const [oldest] = this.known.keys();
    if (this.known.size >= REMEMBERED && oldest !== undefined) this.known.delete(oldest);
    this.known.set(handle.providerRef, { listed, untilMs: this.clock.nowMs() + BELIEVED_MS });
    return listed;
  }
}

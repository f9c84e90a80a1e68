import type { Sandbox } from '../../domain/sandbox';
import { ProviderError, type SandboxProvider } from '../ports/provider';
import type { ListedSnapshot, ProviderSnapshots, TakenSnapshot } from '../ports/provider-snapshots';
import { withinDeadline, type ProviderCalls } from '../provider-calls';
import { requireFeatures } from '../require-features';
import type { SnapshotSettings } from './snapshot-settings';

/** The provider's snapshots behind deadlines that hold even when the provider ignores them. */
export class SnapshotCalls {
  constructor(
    private readonly provider: SandboxProvider,
    private readonly calls: ProviderCalls,
    private readonly settings: SnapshotSettings,
  ) {}

  get providerName(): string {
    return this.provider.name;
  }

  get isSupported(): boolean {
    return this.provider.snapshots !== undefined;
  }

  /** @throws TollboxError `not_supported_here` */
  requireSupport(): void {
    requireFeatures(this.provider, [[true, 'snapshots', 'snapshots']]);
  }

  /** @throws ProviderError */
  async take(
    sandbox: Sandbox,
    labels: { readonly installationId: string; readonly snapshotId: string },
    ttlMs: number,
  ): Promise<TakenSnapshot> {
    const handle = this.calls.handleOf(sandbox);
    const { takeDeadlineMs } = this.settings;
    return withinDeadline(takeDeadlineMs, 'snapshot', (signal) => this.part().take(handle, labels, { ttlMs }, signal));
  }

  /** Resolves for one that is gone already. */
  async remove(snapshotRef: string): Promise<void> {
    const { removeDeadlineMs } = this.settings;
    await withinDeadline(removeDeadlineMs, 'snapshot removal', (signal) => this.part().remove(snapshotRef, signal));
  }

  /** Null where the provider cannot list them. */
  async list(installationId: string): Promise<readonly ListedSnapshot[] | null> {
    const { removeDeadlineMs } = this.settings;
    return withinDeadline(removeDeadlineMs, 'snapshot list', (signal) => this.part().list(installationId, signal));
  }

  private part(): ProviderSnapshots {
    const { snapshots } = this.provider;
    if (snapshots === undefined) throw new ProviderError('unavailable', `${this.provider.name} keeps no snapshots`);
    return snapshots;
  }
}

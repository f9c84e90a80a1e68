import { ProviderError, type ProviderCapabilities, type ProviderHandle } from '@tollbox/sandboxes/application/ports/provider';
import type { ListedSnapshot, ProviderSnapshots, TakenSnapshot } from '@tollbox/sandboxes/application/ports/provider-snapshots';
import { ScriptedProvider } from './scripted-provider';

type Step = () => Promise<void> | void;

/** Snapshots that exist in memory, with steps before and after the work of a take. */
export class ScriptedSnapshots implements ProviderSnapshots {
  readonly images = new Map<string, { readonly snapshotId: string; readonly installationId: string; createdAt: Date }>();
  /** False for a provider that has neither labels nor a list. */
  lists = true;
  before: Step = () => undefined;
  after: Step = () => undefined;
  beforeRemove: Step = () => undefined;
  takes = 0;

  async take(
    _handle: ProviderHandle,
    labels: { readonly installationId: string; readonly snapshotId: string },
  ): Promise<TakenSnapshot> {
    this.takes += 1;
    await this.before();
    const snapshotRef = `image-${this.takes}`;
    this.images.set(snapshotRef, { ...labels, createdAt: new Date() });
    await this.after();
    return { snapshotRef, sizeBytes: 4_096 };
  }

  async remove(snapshotRef: string): Promise<void> {
    await this.beforeRemove();
    this.images.delete(snapshotRef);
  }

  async list(installationId: string): Promise<readonly ListedSnapshot[] | null> {
    const listed = [...this.images]
      .filter(([, image]) => image.installationId === installationId)
      .map(([snapshotRef, { snapshotId, createdAt }]) => ({ snapshotRef, snapshotId, createdAt }));
    return Promise.resolve(this.lists ? listed : null);
  }
}

/** The scripted provider with the feature `snapshots`. */
export class SnapshottingProvider extends ScriptedProvider {
  readonly snapshots = new ScriptedSnapshots();

  override capabilities(): ProviderCapabilities {
    return { ...super.capabilities(), features: new Set(['snapshots'] as const) };
  }
}

export const down = (): never => {
  throw new ProviderError('unavailable', 'down');
};

import type { Image, ModalClient } from 'modal';
import type { ProviderHandle } from '../../application/ports/provider';
import type { ProviderSnapshots, TakenSnapshot } from '../../application/ports/provider-snapshots';
import type { LateOutcome } from '../until-aborted';
import { wholeSecondsMs } from './create-params';
import { withinDeadline } from './deadline';
import { isNotFound, toProviderError } from './errors';
import type { SandboxAccess } from './sandbox-access';
import type { ModalLogger } from './settings';

/**
 * Snapshots as Modal images with an expiry. Modal has neither labels on them nor a list: one whose answer was lost cannot be
 * found, and ends by its expiry.
 */
export class ModalSnapshots implements ProviderSnapshots {
  constructor(
    private readonly client: ModalClient,
    private readonly access: SandboxAccess,
    private readonly logger: ModalLogger,
  ) {}

  async take(
    { providerRef }: ProviderHandle,
    labels: { readonly installationId: string; readonly snapshotId: string },
    options: { readonly ttlMs: number },
    signal: AbortSignal,
  ): Promise<TakenSnapshot> {
    const params = { ttlMs: wholeSecondsMs(options.ttlMs) };
    try {
      const image = await withinDeadline(
        signal,
        'snapshot',
        () => this.access.withHandle(providerRef, (sandbox) => sandbox.snapshotFilesystem(params)),
        (late) => this.removeLate(labels.snapshotId, late),
      );
      return { snapshotRef: image.imageId, sizeBytes: null };
    } catch (error) {
      throw await this.access.explain(providerRef, 'snapshot', error);
    }
  }

  async remove(snapshotRef: string, signal: AbortSignal): Promise<void> {
    try {
      await withinDeadline(signal, 'snapshot removal', () => this.client.images.delete(snapshotRef));
    } catch (error) {
      if (!isNotFound(error)) throw toProviderError(error, 'snapshot removal');
    }
  }

  async list(): Promise<null> {
    return Promise.resolve(null);
  }

  private removeLate(snapshotId: string, late: LateOutcome<Image>): void {
    if (!late.ok) return;
    const { imageId } = late.value;
    this.client.images.delete(imageId).catch((error: unknown) => {
      this.logger.warn(
        { snapshotId, imageId, error: String(error) },
        'a snapshot that came after its deadline is left to its expiry',
      );
    });
  }
}

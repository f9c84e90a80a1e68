import type Docker from 'dockerode';
import { ProviderError, type ProviderHandle } from '../../application/ports/provider';
import type { ListedSnapshot, ProviderSnapshots, TakenSnapshot } from '../../application/ports/provider-snapshots';
import { checkDeadline, withinDeadline } from './deadline';
import { isNotRunning, isUnknownContainer, isUnknownImage, toProviderError } from './engine-errors';

export interface ContainerSnapshotOptions {
  /** Most bytes that a sandbox may have written over its image. */
  readonly maxBytes: number;
  /** Told of an image that came after its deadline and could not be removed; it is found by its label. */
  readonly onCleanupFailure?: (error: ProviderError, name: string) => void;
}

const LABEL_SNAPSHOT = 'tollbox.snapshot';
/** Not the label of the sandbox, which its image has too and which an engine may let win. */
const LABEL_INSTALLATION = 'tollbox.snapshot-installation';
const REPOSITORY = 'tollbox-snapshot';
/** A commit that its caller gave up goes on this long, so that what it makes can be removed. */
const ABANDONED_LIMIT_MS = 300_000;

/** A snapshot is an image of the engine: the sandbox's own layer on its image, under a name that says which snapshot it is. */
export class ContainerSnapshots implements ProviderSnapshots {
  constructor(
    private readonly docker: Docker,
    private readonly containerOf: (handle: ProviderHandle) => Docker.Container,
    private readonly options: ContainerSnapshotOptions,
    private readonly closing: AbortSignal,
  ) {}

  async take(
    handle: ProviderHandle,
    labels: { readonly installationId: string; readonly snapshotId: string },
    _options: { readonly ttlMs: number },
    signal: AbortSignal,
  ): Promise<TakenSnapshot> {
    checkDeadline(signal, 'snapshot');
    const container = this.containerOf(handle);
    try {
      const sizeBytes = await this.checkSize(container, signal);
      const work = this.commit(container, labels, signal);
      return { snapshotRef: await withinDeadline(work, signal, 'snapshot'), sizeBytes };
    } catch (error) {
      if (isUnknownContainer(error) || isNotRunning(error))
        throw new ProviderError('gone', 'the sandbox has ended', { cause: error });
      throw toProviderError(error, 'snapshot');
    }
  }

  async remove(snapshotRef: string, signal: AbortSignal): Promise<void> {
    checkDeadline(signal, 'snapshot removal');
    try {
      // Without force: that would take the sandboxes that were made from it along.
      const removing = this.docker.getImage(snapshotRef).remove({ abortSignal: this.bounded(signal) });
      await withinDeadline(removing, signal, 'snapshot removal');
    } catch (error) {
      if (isUnknownImage(error)) return;
      if ((error as { statusCode?: number }).statusCode === 409)
        throw new ProviderError('unavailable', 'a sandbox that was made from the snapshot still needs it', { cause: error });
      throw toProviderError(error, 'snapshot removal');
    }
  }

  async list(installationId: string, signal: AbortSignal): Promise<readonly ListedSnapshot[]> {
    checkDeadline(signal, 'snapshot list');
    try {
      const filters = { label: [`${LABEL_INSTALLATION}=${installationId}`] };
      const asking = this.docker.listImages({ filters, abortSignal: this.bounded(signal) });
      const images = await withinDeadline(asking, signal, 'snapshot list');
      return images.map(({ Id, RepoTags, Labels, Created }) => ({
        snapshotRef: (RepoTags as string[] | null | undefined)?.[0] ?? Id,
        snapshotId: Labels[LABEL_SNAPSHOT] ?? null,
        createdAt: new Date(Created * 1_000),
      }));
    } catch (error) {
      throw toProviderError(error, 'snapshot list');
    }
  }

  private bounded(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.closing]);
  }

  private async checkSize(container: Docker.Container, signal: AbortSignal): Promise<number | null> {
    const query = { size: true, abortSignal: this.bounded(signal) };
    const asking: Promise<Docker.ContainerInspectInfo & { readonly SizeRw?: number }> = container.inspect(query);
    const { State, SizeRw } = await withinDeadline(asking, signal, 'snapshot');
    if (!State.Running) throw new ProviderError('gone', 'the sandbox has ended');
    const { maxBytes } = this.options;
    if (SizeRw !== undefined && SizeRw > maxBytes)
      throw new ProviderError('invalid', `the sandbox wrote ${SizeRw} bytes, more than ${maxBytes}`, { problem: 'too_large' });
    return SizeRw ?? null;
  }

  /** All processes stand still for the time of the commit, so that all files are of one moment. */
  private async commit(
    container: Docker.Container,
    { installationId, snapshotId }: { readonly installationId: string; readonly snapshotId: string },
    caller: AbortSignal,
  ): Promise<string> {
    const name = `${REPOSITORY}:${snapshotId}`;
    await container.commit({
      repo: REPOSITORY,
      tag: snapshotId,
      pause: true,
      changes: [`LABEL ${LABEL_INSTALLATION}=${installationId}`, `LABEL ${LABEL_SNAPSHOT}=${snapshotId}`],
      abortSignal: this.bounded(AbortSignal.timeout(ABANDONED_LIMIT_MS)),
    });
    if (caller.aborted) await this.removeLate(name);
    return name;
  }

  private async removeLate(name: string): Promise<void> {
    try {
      await this.remove(name, AbortSignal.timeout(ABANDONED_LIMIT_MS));
    } catch (error) {
      this.options.onCleanupFailure?.(toProviderError(error, 'clean-up'), name);
    }
  }
}

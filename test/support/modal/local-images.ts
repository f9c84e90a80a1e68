import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { ServerError, Status } from 'nice-grpc';
import type { Handlers } from './handlers';
import { buildImage, type BuildResult } from './image-builds';
import type { LocalSandboxes } from './local-sandboxes';
import { GenericStatus, type ImageGetOrCreateRequest, type ImageRequest, type TaskSnapshotFilesystemRequest } from './messages';

interface LocalImage {
  /** What it was built from; null for a snapshot. */
  readonly recipe: string | null;
  /** Of one that is built. */
  readonly build: Promise<BuildResult> | null;
  /** The files of a snapshot, or of setup commands. */
  readonly directory: string | null;
  readonly expiresAtMs: number;
}

/** Images: built ones by their recipe, and file system snapshots with their files and expiry. */
export class LocalImages {
  private readonly images = new Map<string, LocalImage>();
  private readonly snapshots = new Map<string, string>();
  private made = 0;

  constructor(private readonly root: string) {}

  /** @throws ServerError NOT_FOUND for one that is unknown, deleted or expired. */
  get(imageId: string): LocalImage {
    const image = this.images.get(imageId);
    if (image === undefined || image.expiresAtMs <= Date.now())
      throw new ServerError(Status.NOT_FOUND, `Image ${imageId} not found`);
    return image;
  }

  forgetAll(): void {
    this.images.clear();
  }

  readonly catalogue: Handlers = {
    imageGetOrCreate: (request: ImageGetOrCreateRequest) => {
      const commands = request.image?.dockerfileCommands ?? [];
      const base = request.image?.baseImages?.[0]?.imageId;
      const baseDirectory = base === undefined ? null : this.get(base).directory;
      const recipe = [base ?? '', ...commands].join('\n');
      const known = [...this.images].find(([, built]) => built.recipe === recipe)?.[0];
      if (known !== undefined && !request.forceBuild) return { imageId: known };
      const directory = join(this.root, `image-${this.made + 1}`);
      const build = buildImage({ commands, baseDirectory, directory, binDirectory: join(this.root, 'bin') });
      return { imageId: this.add({ recipe, build, directory, expiresAtMs: Infinity }) };
    },
    imageJoinStreaming: (request: ImageRequest) => this.join(request.imageId),
    imageFromId: (request: ImageRequest) => {
      this.get(request.imageId);
      return { imageId: request.imageId };
    },
    imageDelete: (request: ImageRequest) => {
      this.get(request.imageId);
      this.images.delete(request.imageId);
      return {};
    },
  };

  snapshot(sandboxes: LocalSandboxes, { taskId, snapshotId, ttlSeconds = 0 }: TaskSnapshotFilesystemRequest): object {
    const sandbox = sandboxes.runningTask(taskId);
    if (ttlSeconds !== -1 && ttlSeconds <= 0)
      throw new ServerError(Status.INVALID_ARGUMENT, 'ttl_seconds must be positive or -1');
    const known = this.snapshots.get(snapshotId);
    if (known !== undefined) return { imageId: known };
    const directory = join(this.root, `snapshot-${this.made + 1}`);
    cpSync(sandbox.directory, directory, { recursive: true, verbatimSymlinks: true });
    const expiresAtMs = ttlSeconds === -1 ? Infinity : Date.now() + ttlSeconds * 1_000;
    const imageId = this.add({ recipe: null, build: null, directory, expiresAtMs });
    this.snapshots.set(snapshotId, imageId);
    return { imageId };
  }

  private async *join(imageId: string): AsyncIterable<object> {
    const result = await this.get(imageId).build;
    if (result === null) throw new ServerError(Status.FAILED_PRECONDITION, 'a snapshot is not built');
    // One that failed is built again when it is asked for again.
    if (result.status !== GenericStatus.success) this.images.delete(imageId);
    yield { entryId: '1-0', taskLogs: [{ data: `building\n${result.log}` }] };
    yield { entryId: '2-0', result: { status: result.status, exception: result.exception }, eof: true };
  }

  private add(image: LocalImage): string {
    const imageId = `im-${++this.made}`;
    this.images.set(imageId, image);
    return imageId;
  }
}

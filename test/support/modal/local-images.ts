import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { ServerError, Status } from 'nice-grpc';
import type { Handlers } from './handlers';
import type { LocalSandboxes } from './local-sandboxes';
import { GenericStatus, type ImageGetOrCreateRequest, type ImageRequest, type TaskSnapshotFilesystemRequest } from './messages';

interface LocalImage {
  /** What it was built from; null for a snapshot. */
  readonly recipe: string | null;
  /** The files of a snapshot. */
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
      const recipe = (request.image?.dockerfileCommands ?? []).join('\n');
      const known = [...this.images].find(([, built]) => built.recipe === recipe)?.[0];
      if (known !== undefined && !request.forceBuild) return { imageId: known, result: imageResult(recipe) };
      return { imageId: this.add({ recipe, directory: null, expiresAtMs: Infinity }) };
    },
    imageJoinStreaming: (request: ImageRequest) => buildLog(this.images.get(request.imageId)?.recipe ?? ''),
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
    const imageId = this.add({ recipe: null, directory, expiresAtMs });
    this.snapshots.set(snapshotId, imageId);
    return { imageId };
  }

  private add(image: LocalImage): string {
    const imageId = `im-${++this.made}`;
    this.images.set(imageId, image);
    return imageId;
  }
}

async function* buildLog(recipe: string): AsyncIterable<object> {
  yield { entryId: '1-0', taskLogs: [{ data: 'building\n' }] };
  yield await Promise.resolve({ entryId: '2-0', result: imageResult(recipe), eof: true });
}

/** An image whose registry reference does not exist fails at build, as it does on Modal. */
function imageResult(recipe: string): object {
  return recipe.includes('does-not-exist')
    ? { status: GenericStatus.failure, exception: 'manifest unknown: manifest unknown' }
    : { status: GenericStatus.success };
}

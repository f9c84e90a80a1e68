import { createHash } from 'node:crypto';
import type { App, Image } from 'modal';
import { ProviderError } from '../../application/ports/provider';
import type { BuildLogs } from './build-logs';

const KEPT_IMAGES = 500;
const FAILED_BUILD = /^Image build for (\S+) failed/;

/** What an image is prepared with, and for whom. */
export interface Preparation {
  readonly owner: string;
  readonly commands: readonly string[];
}

/**
 * Images with setup commands as layers. Modal keeps layers by their content; a line that names the owner keeps those of
 * different owners apart, so that nobody gets, or learns of, what another one built.
 */
export class PreparedImages {
  private readonly images = new Map<string, Promise<Image>>();

  constructor(private readonly logs: BuildLogs) {}

  /** @throws ProviderError `setup_failed` with the end of the output */
  image(app: App, base: Image, preparation: Preparation): Promise<Image> {
    const key = sha256(JSON.stringify([base.imageId, preparation.owner, preparation.commands]));
    const known = this.images.get(key);
    if (known !== undefined) return known;
    const built = this.build(app, base, preparation).catch((error: unknown) => {
      this.images.delete(key);
      throw error;
    });
    this.images.set(key, built);
    const [oldest] = this.images.keys();
    if (this.images.size > KEPT_IMAGES && oldest !== undefined) this.images.delete(oldest);
    return built;
  }

  /** Modal does not know an image any more; all are asked for anew, and built where they are gone. */
  forgetAll(): void {
    this.images.clear();
  }

  private async build(app: App, base: Image, { owner, commands }: Preparation): Promise<Image> {
    const lines = [`: tollbox ${sha256(owner)}`, ...commands].map(runInstruction);
    try {
      return await base.dockerfileCommands(lines).build(app);
    } catch (error) {
      const imageId = error instanceof Error ? FAILED_BUILD.exec(error.message)?.[1] : undefined;
      if (imageId === undefined) throw error;
      const output = this.logs.tailOf(imageId) || (error as Error).message;
      throw new ProviderError('setup_failed', 'a setup command failed', { cause: error, output });
    }
  }
}

/** JSON form: the line reaches the shell as it is, whatever characters it has. */
function runInstruction(line: string): string {
  return `RUN ${JSON.stringify(['/bin/sh', '-c', line])}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

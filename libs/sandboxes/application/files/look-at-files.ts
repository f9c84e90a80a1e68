import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Clock } from '@tollbox/platform/clock/clock';
import { isUsable, type Sandbox } from '../../domain/sandbox';
import { isSandboxId } from '../../domain/sandbox-id';
import type { SandboxAccess } from '../access';
import type { FileEntry } from '../ports/provider-files';
import type { ProviderCalls } from '../provider-calls';
import { toBuyerError } from '../provider-failure';
import { requireFeatures } from '../require-features';
import { toFileError } from './file-problems';
import type { FileSettings } from './file-settings';

/** Looking at the files of a sandbox, free for its owner. */
export class LookAtFiles {
  constructor(
    private readonly provider: ProviderCalls,
    private readonly access: SandboxAccess,
    private readonly clock: Clock,
    private readonly settings: FileSettings,
  ) {}

  /** @throws TollboxError */
  async list(owner: string, sandboxId: string, path: string): Promise<readonly FileEntry[]> {
    return this.look(owner, sandboxId, 'files.list', (sandbox) =>
      this.provider.files(sandbox, this.settings.lookDeadlineMs, (files, handle, signal) => files.list(handle, path, signal)),
    );
  }

  /** A symlink is described itself. */
  async stat(owner: string, sandboxId: string, path: string): Promise<FileEntry> {
    return this.look(owner, sandboxId, 'files.stat', (sandbox) =>
      this.provider.files(sandbox, this.settings.lookDeadlineMs, (files, handle, signal) => files.stat(handle, path, signal)),
    );
  }

  private async look<Result>(
    owner: string,
    sandboxId: string,
    what: string,
    work: (sandbox: Sandbox) => Promise<Result>,
  ): Promise<Result> {
    requireFeatures(this.provider, [[true, 'files', 'files']]);
    if (!isSandboxId(sandboxId)) throw new TollboxError('sandbox_not_found');
    const sandbox = await this.access.owned(owner, sandboxId, what);
    if (!isUsable(sandbox, this.clock.nowMs())) throw new TollboxError('sandbox_gone');
    try {
      return await work(sandbox);
    } catch (error) {
      const fileError = toFileError(error);
      throw fileError === error ? toBuyerError(error) : fileError;
    }
  }
}

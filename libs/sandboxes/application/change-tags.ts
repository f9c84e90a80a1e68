import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Sandbox } from '../domain/sandbox';
import type { SandboxAccess } from './access';
import type { SandboxStore } from './ports/sandbox-store';
import type { SandboxSettings } from './settings';

export interface TagsCall {
  readonly owner: string;
  readonly operationId: string;
  readonly sandboxId: string;
  /** Null removes a tag. */
  readonly tags: Readonly<Record<string, string | null>>;
}

const OPERATION = 'sandboxes.tags';

/** Sets and removes tags of a sandbox, also of one that has ended. */
export class ChangeTags {
  constructor(
    private readonly store: SandboxStore,
    private readonly access: SandboxAccess,
    private readonly settings: Pick<SandboxSettings, 'maxTags'>,
  ) {}

  /** @throws TollboxError `sandbox_not_found` or `too_many_tags` */
  async execute({ owner, operationId, sandboxId, tags }: TagsCall): Promise<Sandbox> {
    await this.access.owned(owner, sandboxId, OPERATION);
    const { maxTags } = this.settings;
    const changed = await this.store.changeTags({ operationId, operation: OPERATION, sandboxId, owner, tags, maxTags });
    if (changed === 'too_many') throw new TollboxError('too_many_tags', { details: `at most ${maxTags}` });
    if (changed === null) throw new TollboxError('operation_interrupted');
    return changed;
  }
}

import type { Clock } from '@tollbox/platform/clock/clock';
import type { AdmissionCall, Operation, OperationOutcome } from '@tollbox/platform/operations/operation';
import { resourceOf, sandboxResource } from '../../domain/resource-answers';
import type { ResourceSchemas, TagsBody } from '../../domain/resource-bodies';
import type { SandboxAccess } from '../access';
import type { SandboxStore } from '../ports/sandbox-store';
import { DATABASE_MARGIN_MS } from './margins';

/** PATCH /v1/sandboxes/{sandbox_id}/tags. */
export class ResourceTagsOperation implements Operation<TagsBody> {
  readonly name = 'sandboxes.tags';
  readonly answer = sandboxResource;
  readonly errors = ['sandbox_not_found', 'too_many_tags'] as const;
  readonly mayAnswerEarly = true;

  constructor(
    readonly body: ResourceSchemas['tags'],
    private readonly access: SandboxAccess,
    private readonly store: SandboxStore,
    private readonly clock: Clock,
  ) {}

  deadlineMs(): number {
    return DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<TagsBody>): Promise<void> {
    await this.access.owned(owner, body.sandbox_id, this.name);
  }

  /** The change is one transaction with its record, so what was started is done. */
  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    if ((await this.store.abandonOperation(operationId, this.name)) === 'abandoned') return { kind: 'not_started' };
    const sandboxId = await this.store.sandboxOfOperation(operationId);
    const sandbox = sandboxId === null ? null : await this.store.find(sandboxId);
    if (sandbox === null) throw new Error(`operation ${operationId} is started and has no sandbox`);
    return { kind: 'done', answer: { status: 200, body: resourceOf(sandbox, this.clock.nowMs()) } };
  }

  /** Tags that were set may be read already. */
  async revoke(): Promise<void> {
    return Promise.resolve();
  }
}

import { z } from 'zod';
import type { AdmissionCall, Operation, OperationOutcome } from '@tollbox/platform/operations/operation';
import type { DeleteBody, ResourceSchemas } from '../../domain/resource-bodies';
import type { SandboxAccess } from '../access';
import type { EndSandbox } from '../end-sandbox';
import type { SandboxStore } from '../ports/sandbox-store';
import { PROVIDER_ERRORS } from '../provider-failure';
import type { SandboxSettings } from '../settings';
import { DATABASE_MARGIN_MS } from './margins';

/** DELETE /v1/sandboxes/{sandbox_id}. */
export class ResourceDeleteOperation implements Operation<DeleteBody> {
  readonly name = 'sandboxes.delete';
  readonly status = 204;
  readonly answer = z.undefined();
  readonly errors = ['sandbox_not_found', ...PROVIDER_ERRORS] as const;
  readonly mayAnswerEarly = true;

  constructor(
    readonly body: ResourceSchemas['delete'],
    private readonly access: SandboxAccess,
    private readonly store: SandboxStore,
    private readonly ender: EndSandbox,
    private readonly settings: SandboxSettings,
  ) {}

  deadlineMs(): number {
    return this.settings.terminateDeadlineMs + this.settings.inspectDeadlineMs + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<DeleteBody>): Promise<void> {
    await this.access.owned(owner, body.sandbox_id, this.name);
  }

  /** A termination that was recorded is carried to its end; while the provider fails, the question stays open. */
  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    if ((await this.store.abandonOperation(operationId, this.name)) === 'abandoned') return { kind: 'not_started' };
    const sandboxId = await this.store.sandboxOfOperation(operationId);
    if (sandboxId === null) throw new Error(`operation ${operationId} is started and has no sandbox`);
    await this.ender.drive(sandboxId, { actor: 'recovery', operationId });
    return { kind: 'done', answer: { status: this.status, body: undefined } };
  }

  /** An ending cannot be taken back. */
  async revoke(): Promise<void> {
    return Promise.resolve();
  }
}

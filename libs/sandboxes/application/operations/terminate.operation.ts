import type { AdmissionCall, Operation, OperationOutcome } from '@tollbox/platform/operations/operation';
import { PROVIDER_ERRORS } from '../provider-failure';
import { terminateAnswer, terminateAnswerSchema } from '../../domain/answers';
import type { BodySchemas, TerminateBody } from '../../domain/bodies';
import type { SandboxAccess } from '../access';
import type { EndSandbox } from '../end-sandbox';
import type { SandboxStore } from '../ports/sandbox-store';
import type { SandboxSettings } from '../settings';
import { DATABASE_MARGIN_MS } from './margins';

export class TerminateOperation implements Operation<TerminateBody> {
  readonly name = 'sandbox.terminate';
  readonly answer = terminateAnswerSchema;
  readonly errors = ['sandbox_not_found', ...PROVIDER_ERRORS] as const;
  readonly mayAnswerEarly = true;

  constructor(
    readonly body: BodySchemas['terminate'],
    private readonly access: SandboxAccess,
    private readonly store: SandboxStore,
    private readonly ender: EndSandbox,
    private readonly settings: SandboxSettings,
  ) {}

  deadlineMs(): number {
    return this.settings.terminateDeadlineMs + this.settings.inspectDeadlineMs + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<TerminateBody>): Promise<void> {
    await this.access.owned(owner, body.sandbox_id, this.name);
  }

  /** A termination that was recorded is carried to its end; while the provider fails, the question stays open. */
  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    if ((await this.store.abandonOperation(operationId, this.name)) === 'abandoned') return { kind: 'not_started' };
    const sandboxId = await this.store.sandboxOfOperation(operationId);
    if (sandboxId === null) throw new Error(`operation ${operationId} is started and has no sandbox`);
    await this.ender.drive(sandboxId, { actor: 'recovery', operationId });
    return { kind: 'done', answer: { status: 200, body: terminateAnswer(sandboxId) } };
  }

  /** An ending cannot be taken back. */
  async revoke(): Promise<void> {
    return Promise.resolve();
  }
}

import type { AdmissionCall, Operation, OperationOutcome } from '@tollbox/platform/operations/operation';
import { PROVIDER_ERRORS } from '../provider-failure';
import { statusAnswerSchema } from '../../domain/answers';
import type { BodySchemas, StatusBody } from '../../domain/bodies';
import type { SandboxAccess } from '../access';
import type { SandboxSettings } from '../settings';
import { DATABASE_MARGIN_MS } from './margins';

export class StatusOperation implements Operation<StatusBody> {
  readonly name = 'sandbox.status';
  readonly answer = statusAnswerSchema;
  readonly errors = ['sandbox_not_found', ...PROVIDER_ERRORS] as const;
  readonly mayAnswerEarly = true;

  constructor(
    readonly body: BodySchemas['status'],
    private readonly access: SandboxAccess,
    private readonly settings: SandboxSettings,
  ) {}

  deadlineMs(): number {
    return this.settings.inspectDeadlineMs + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<StatusBody>): Promise<void> {
    await this.access.owned(owner, body.sandbox_id, this.name);
  }

  /** A read that nobody got the answer of has done nothing. */
  async outcomeOf(): Promise<OperationOutcome> {
    return Promise.resolve({ kind: 'not_started' });
  }

  async revoke(): Promise<void> {
    return Promise.resolve();
  }
}

import type { AdmissionCall, Operation, OperationOutcome } from '@tollbox/platform/operations/operation';
import { PROVIDER_ERRORS } from '../provider-failure';
import { execAnswer, execAnswerSchema } from '../../domain/answers';
import type { BodySchemas, ExecBody } from '../../domain/bodies';
import type { AdmitExec } from '../admit-exec';
import type { SandboxStore } from '../ports/sandbox-store';
import type { SandboxSettings } from '../settings';
import { DATABASE_MARGIN_MS } from './margins';

export class ExecOperation implements Operation<ExecBody> {
  readonly name = 'sandbox.exec';
  readonly answer = execAnswerSchema;
  readonly errors = ['sandbox_not_found', 'sandbox_gone', 'sandbox_busy', ...PROVIDER_ERRORS] as const;
  readonly mayAnswerEarly = true;

  constructor(
    readonly body: BodySchemas['exec'],
    private readonly admission: AdmitExec,
    private readonly store: SandboxStore,
    private readonly settings: SandboxSettings,
  ) {}

  deadlineMs(body: ExecBody): number {
    return body.timeout * 1_000 + this.settings.execOverheadMs + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<ExecBody>): Promise<void> {
    await this.admission.check(owner, body.sandbox_id);
  }

  /** A command that started and left no result may have run: it is closed as lost, so that a slow process cannot finish it. */
  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    if ((await this.store.abandonOperation(operationId, this.name)) === 'abandoned') return { kind: 'not_started' };
    await this.store.failExecution(operationId, 'lost');
    // Without a result it may have run; without a record or its whole output it ran so long ago that neither is kept.
    const execution = await this.store.findExecution(operationId);
    if (!execution?.result) return { kind: 'unknown' };
    return { kind: 'done', answer: { status: 200, body: execAnswer(execution.sandboxId, execution.result) } };
  }

  /** What a command did cannot be taken back. */
  async revoke(): Promise<void> {
    return Promise.resolve();
  }
}

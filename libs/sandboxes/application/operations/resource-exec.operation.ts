import type { AdmissionCall, Operation, OperationOutcome } from '@tollbox/platform/operations/operation';
import { processOf, processResource } from '../../domain/resource-answers';
import type { ResourceExecBody, ResourceSchemas } from '../../domain/resource-bodies';
import type { AdmitExec } from '../admit-exec';
import type { SandboxStore } from '../ports/sandbox-store';
import type { ProviderCalls } from '../provider-calls';
import { PROVIDER_ERRORS } from '../provider-failure';
import { requireFeatures } from '../require-features';
import type { SandboxSettings } from '../settings';
import { DATABASE_MARGIN_MS } from './margins';

/** POST /v1/sandboxes/{sandbox_id}/exec. */
export class ResourceExecOperation implements Operation<ResourceExecBody> {
  readonly name = 'sandboxes.exec';
  readonly answer = processResource;
  readonly errors = [
    ...(['not_supported_here', 'sandbox_not_found', 'sandbox_gone', 'sandbox_busy'] as const),
    ...PROVIDER_ERRORS,
  ] as const;
  readonly mayAnswerEarly = true;

  constructor(
    readonly body: ResourceSchemas['exec'],
    private readonly admission: AdmitExec,
    private readonly provider: Pick<ProviderCalls, 'capabilities'>,
    private readonly store: SandboxStore,
    private readonly settings: SandboxSettings,
  ) {}

  deadlineMs(body: ResourceExecBody): number {
    return body.timeout * 1_000 + this.settings.execOverheadMs + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<ResourceExecBody>): Promise<void> {
    await this.admission.check(owner, body.sandbox_id, this.name);
    requireFeatures(this.provider, [
      [Object.keys(body.env).length > 0, 'exec_env', 'env'],
      [body.workdir !== undefined, 'exec_workdir', 'workdir'],
      [body.stdin !== undefined, 'exec_stdin', 'stdin'],
    ]);
  }

  /** A command that started and left no result may have run: it is closed as lost, so that a slow process cannot finish it. */
  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    if ((await this.store.abandonOperation(operationId, this.name)) === 'abandoned') return { kind: 'not_started' };
    await this.store.failExecution(operationId, 'lost');
    const execution = await this.store.findExecution(operationId);
    if (execution === null) throw new Error(`operation ${operationId} is started and has no execution`);
    if (execution.result === null) return { kind: 'unknown' };
    return { kind: 'done', answer: { status: 200, body: processOf(operationId, execution.sandboxId, execution.result) } };
  }

  /** What a command did cannot be taken back. */
  async revoke(): Promise<void> {
    return Promise.resolve();
  }
}

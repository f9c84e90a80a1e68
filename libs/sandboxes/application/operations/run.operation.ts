import type { AdmissionCall, Operation, OperationOutcome, PriceAttributes } from '@tollbox/platform/operations/operation';
import { runAnswerSchema, runExecutionId, runOrderOf, type RunBody, type RunBodySchema } from '../../domain/run';
import type { AdmitCreate } from '../admit-create';
import type { EndSandbox } from '../end-sandbox';
import type { SandboxStore } from '../ports/sandbox-store';
import type { ProviderCalls } from '../provider-calls';
import { PROVIDER_ERRORS } from '../provider-failure';
import { requireFeatures } from '../require-features';
import { driveIfPossible } from '../settle-creation';
import type { SandboxSettings } from '../settings';
import { DATABASE_MARGIN_MS } from './margins';

/** A program in a sandbox of its own, for one payment. */
export class RunOperation implements Operation<RunBody> {
  readonly name = 'sandbox.run';
  readonly answer = runAnswerSchema;
  readonly errors = ['sandbox_limit_reached', 'draining', 'not_supported_here', 'file_problem', ...PROVIDER_ERRORS] as const;

  constructor(
    readonly body: RunBodySchema,
    private readonly admission: AdmitCreate,
    private readonly provider: ProviderCalls,
    private readonly store: SandboxStore,
    private readonly ender: EndSandbox,
    private readonly settings: SandboxSettings,
  ) {}

  priceAttributes({ gpu, timeout }: RunBody): PriceAttributes {
    return { gpu, lifetimeS: timeout };
  }

  deadlineMs({ timeout }: RunBody): number {
    const { createDeadlineMs, execOverheadMs, runFilesDeadlineMs, terminateDeadlineMs } = this.settings;
    return (
      createDeadlineMs + 2 * runFilesDeadlineMs + timeout * 1_000 + execOverheadMs + terminateDeadlineMs + DATABASE_MARGIN_MS
    );
  }

  async admit({ owner, body }: AdmissionCall<RunBody>): Promise<void> {
    requireFeatures(this.provider, [
      [body.files.length + body.outputs.length > 0, 'files', 'files and outputs'],
      [body.env !== undefined, 'exec_env', 'env'],
      [body.workdir !== undefined, 'exec_workdir', 'workdir'],
      [body.stdin !== undefined, 'exec_stdin', 'stdin'],
    ]);
    await this.admission.check(owner, runOrderOf(body, this.settings.runOverheadMs));
  }

  /** A run that its process did not answer is lost with its sandbox, whatever it did: its files are gone. */
  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    if ((await this.store.abandonOperation(operationId, this.name)) === 'abandoned') return { kind: 'not_started' };
    await this.store.failExecution(runExecutionId(operationId), 'lost');
    await this.end(operationId, 'create_interrupted');
    return { kind: 'unknown' };
  }

  /** The sandbox has ended with the answer that nobody will get; one that has not, ends as unpaid. */
  async revoke(operationId: string): Promise<void> {
    await this.end(operationId, 'unpaid');
  }

  private async end(operationId: string, reason: 'create_interrupted' | 'unpaid'): Promise<void> {
    const sandbox = await this.store.findByOperation(operationId);
    if (sandbox === null) return;
    const by = { actor: reason === 'unpaid' ? 'payments' : 'recovery', operationId };
    await this.store.requestEnd(sandbox.id, reason, by);
    await driveIfPossible(this.ender, sandbox.id, by);
  }
}

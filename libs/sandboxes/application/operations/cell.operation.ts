import type { AdmissionCall, Operation, OperationOutcome } from '@tollbox/platform/operations/operation';
import { cellAnswerSchema, type CellBody, type CellSchema } from '../../domain/interpreter';
import type { AdmitExec } from '../admit-exec';
import type { SandboxStore } from '../ports/sandbox-store';
import type { ProviderCalls } from '../provider-calls';
import { PROVIDER_ERRORS } from '../provider-failure';
import { requireFeatures } from '../require-features';
import type { SandboxSettings } from '../settings';
import { DATABASE_MARGIN_MS } from './margins';

export class CellOperation implements Operation<CellBody> {
  readonly name = 'sandboxes.cell';
  readonly answer = cellAnswerSchema;
  readonly errors = ['sandbox_not_found', 'sandbox_busy', 'too_many_contexts', 'not_supported_here', ...PROVIDER_ERRORS] as const;
  readonly mayAnswerEarly = true;

  constructor(
    readonly body: CellSchema,
    private readonly admission: AdmitExec,
    private readonly provider: ProviderCalls,
    private readonly store: SandboxStore,
    private readonly settings: SandboxSettings,
  ) {}

  deadlineMs({ timeout }: CellBody): number {
    return timeout * 1_000 + 2 * this.settings.execOverheadMs + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<CellBody>): Promise<void> {
    requireFeatures(this.provider, [
      [true, 'background_processes', 'an interpreter that keeps its variables'],
      [true, 'exec_signal', 'the interruption of a cell'],
    ]);
    await this.admission.check(owner, body.sandbox_id);
  }

  /** What a cell showed is nowhere but in its answer: one that was not stored is lost with its process, and not charged. */
  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    if ((await this.store.abandonOperation(operationId, this.name)) === 'abandoned') return { kind: 'not_started' };
    await this.store.failExecution(operationId, 'lost');
    return { kind: 'unknown' };
  }

  /** What a cell did cannot be taken back. */
  async revoke(): Promise<void> {
    return Promise.resolve();
  }
}

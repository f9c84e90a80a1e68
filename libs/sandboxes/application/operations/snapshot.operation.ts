import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { Clock } from '@tollbox/platform/clock/clock';
import type { AdmissionCall, Operation, OperationOutcome } from '@tollbox/platform/operations/operation';
import { isUsable } from '../../domain/sandbox';
import { snapshotAnswerSchema, type SnapshotBody, type SnapshotBodySchema } from '../../domain/snapshot-wire';
import type { SandboxAccess } from '../access';
import type { SnapshotStore } from '../ports/snapshot-store';
import { PROVIDER_ERRORS } from '../provider-failure';
import type { SettleSnapshot } from '../snapshots/settle-snapshot';
import type { SnapshotCalls } from '../snapshots/snapshot-calls';
import type { SnapshotSettings } from '../snapshots/snapshot-settings';
import { snapshotLimitReached } from '../snapshots/take-snapshot';
import { DATABASE_MARGIN_MS } from './margins';

export class SnapshotOperation implements Operation<SnapshotBody> {
  readonly name = 'sandbox.snapshot';
  readonly answer = snapshotAnswerSchema;
  readonly errors = [
    'sandbox_not_found',
    'not_supported_here',
    'snapshot_limit_reached',
    'snapshot_too_large',
    ...PROVIDER_ERRORS,
  ] as const;

  constructor(
    readonly body: SnapshotBodySchema,
    private readonly access: SandboxAccess,
    private readonly store: SnapshotStore,
    private readonly calls: SnapshotCalls,
    private readonly settlement: SettleSnapshot,
    private readonly clock: Clock,
    private readonly settings: SnapshotSettings,
  ) {}

  deadlineMs(): number {
    return this.settings.takeDeadlineMs + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<SnapshotBody>): Promise<void> {
    this.calls.requireSupport();
    const sandbox = await this.access.owned(owner, body.sandbox_id, this.name);
    if (!isUsable(sandbox, this.clock.nowMs())) throw new TollboxError('sandbox_gone');
    if ((await this.store.countKept(owner)) >= this.settings.maxPerOwner) throw snapshotLimitReached();
  }

  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    const outcome = await this.settlement.settle(operationId);
    return outcome.kind === 'done' ? { kind: 'done', answer: { status: 200, body: outcome.answer } } : { kind: outcome.kind };
  }

  async revoke(operationId: string): Promise<void> {
    await this.settlement.revoke(operationId);
  }
}

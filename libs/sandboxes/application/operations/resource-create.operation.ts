import type { AdmissionCall, Operation, OperationOutcome, PriceAttributes } from '@tollbox/platform/operations/operation';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { createdResource, sandboxResource } from '../../domain/resource-answers';
import { resourceOrderOf, type ResourceCreateBody, type ResourceSchemas } from '../../domain/resource-bodies';
import type { AdmitCreate } from '../admit-create';
import type { EndSandbox } from '../end-sandbox';
import type { SandboxStore } from '../ports/sandbox-store';
import { PROVIDER_ERRORS } from '../provider-failure';
import { driveIfPossible, type SettleCreation } from '../settle-creation';
import { createDeadlineMs, type SandboxSettings } from '../settings';
import { DATABASE_MARGIN_MS } from './margins';

/** POST /v1/sandboxes. */
export class ResourceCreateOperation implements Operation<ResourceCreateBody> {
  readonly name = 'sandboxes.create';
  readonly status = 201;
  readonly answer = sandboxResource;
  readonly errors = [
    ...(['not_supported_here', 'sandbox_limit_reached', 'sandbox_name_taken', 'draining', 'setup_failed'] as const),
    ...PROVIDER_ERRORS,
  ] as const;

  constructor(
    readonly body: ResourceSchemas['create'],
    private readonly admission: AdmitCreate,
    private readonly creation: SettleCreation,
    private readonly store: SandboxStore,
    private readonly ender: EndSandbox,
    private readonly settings: SandboxSettings,
  ) {}

  priceAttributes(body: ResourceCreateBody): PriceAttributes {
    return { gpu: body.gpu, lifetimeS: body.timeout };
  }

  deadlineMs(body: ResourceCreateBody): number {
    return createDeadlineMs(this.settings, body.setup_commands) + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<ResourceCreateBody>): Promise<void> {
    if (body.entrypoint !== undefined && body.entrypoint.length > 0)
      throw new TollboxError('not_supported_here', { details: 'entrypoint' });
    await this.admission.check(owner, resourceOrderOf(body));
  }

  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    const outcome = await this.creation.settle(operationId, this.name);
    if (outcome.kind !== 'done') return { kind: outcome.kind };
    return { kind: 'done', answer: { status: this.status, body: createdResource(outcome.sandbox) } };
  }

  /** Ends the sandbox that was never paid for. When the provider fails, the reaper ends it. */
  async revoke(operationId: string): Promise<void> {
    if ((await this.store.abandonOperation(operationId, this.name)) === 'abandoned') return;
    const sandbox = await this.store.findByOperation(operationId);
    if (sandbox === null) return;
    const by = { actor: 'payments', operationId };
    await this.store.requestEnd(sandbox.id, 'unpaid', by);
    await driveIfPossible(this.ender, sandbox.id, by);
  }
}

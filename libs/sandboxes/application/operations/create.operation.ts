import type { AdmissionCall, Operation, OperationOutcome, PriceAttributes } from '@tollbox/platform/operations/operation';
import { PROVIDER_ERRORS } from '../provider-failure';
import { createAnswer, createAnswerSchema } from '../../domain/answers';
import { orderOf, type BodySchemas, type CreateBody } from '../../domain/bodies';
import type { AdmitCreate } from '../admit-create';
import type { EndSandbox } from '../end-sandbox';
import type { SandboxStore } from '../ports/sandbox-store';
import { driveIfPossible, type SettleCreation } from '../settle-creation';
import { createDeadlineMs, type SandboxSettings } from '../settings';
import { DATABASE_MARGIN_MS } from './margins';

export class CreateOperation implements Operation<CreateBody> {
  readonly name = 'sandbox.create';
  readonly answer = createAnswerSchema;
  readonly errors = ['not_supported_here', 'sandbox_limit_reached', 'draining', 'setup_failed', ...PROVIDER_ERRORS] as const;

  constructor(
    readonly body: BodySchemas['create'],
    private readonly admission: AdmitCreate,
    private readonly creation: SettleCreation,
    private readonly store: SandboxStore,
    private readonly ender: EndSandbox,
    private readonly settings: SandboxSettings,
  ) {}

  priceAttributes(body: CreateBody): PriceAttributes {
    return { gpu: body.gpu, lifetimeS: body.timeout };
  }

  deadlineMs(body: CreateBody): number {
    return createDeadlineMs(this.settings, body.setup_commands) + DATABASE_MARGIN_MS;
  }

  async admit({ owner, body }: AdmissionCall<CreateBody>): Promise<void> {
    await this.admission.check(owner, orderOf(body));
  }

  async outcomeOf(operationId: string): Promise<OperationOutcome> {
    const outcome = await this.creation.settle(operationId, this.name);
    if (outcome.kind !== 'done') return { kind: outcome.kind };
    return { kind: 'done', answer: { status: 200, body: createAnswer(outcome.sandbox) } };
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

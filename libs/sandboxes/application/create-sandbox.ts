import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import { createAnswer, type CreateAnswer } from '../domain/answers';
import type { Sandbox, SandboxOrder } from '../domain/sandbox';
import type { ClaimPooled } from './claim-pooled';
import type { EndSandbox } from './end-sandbox';
import { toCreateFailure } from './create-failure';
import { refuseNewSandbox } from './admit-create';
import type { InstallationView } from './ports/installation-view';
import { ProviderError, type CreatedSandbox, type SandboxSpec } from './ports/provider';
import type { NewSandbox, SandboxStore } from './ports/sandbox-store';
import type { ProviderCalls } from './provider-calls';
import { toBuyerError } from './provider-failure';
import { createDeadlineMs, type SandboxSettings } from './settings';

export interface CreateCall {
  readonly owner: string;
  readonly operationId: string;
  readonly order: SandboxOrder;
  /** Name of the operation; `sandbox.create` when absent. */
  readonly operation?: string;
}

/** Makes a new sandbox id. */
export type NewId = () => string;

/**
 * Creates a sandbox: the row first, then the provider object. Every step is a compare-and-set, so that a process that was
 * given up meanwhile notices it, removes what it made and answers nothing.
 */
export class CreateSandbox {
  constructor(
    private readonly store: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly installation: InstallationView,
    private readonly ender: EndSandbox,
    private readonly pooled: ClaimPooled,
    private readonly settings: SandboxSettings,
    private readonly phases: PhaseObserver,
    private readonly newId: NewId,
  ) {}

  /** @throws TollboxError; nothing that was made stays behind */
  async execute(call: CreateCall): Promise<CreateAnswer> {
    return createAnswer(await this.create(call));
  }

  /** As `execute`, with the sandbox's row. */
  async create(call: CreateCall): Promise<Sandbox> {
    const ordered = this.ordered(call);
    const claimed = await this.pooled.claim(ordered);
    if (claimed !== null) {
      this.phases.reached('operation_running');
      return claimed;
    }
    const sandbox = await this.request(ordered);
    const by = { actor: call.owner, operationId: call.operationId };
    const started = await this.store.change({
      id: sandbox.id,
      from: ['requested'],
      to: 'provisioning',
      kind: 'provisioning',
      onlyIfDesired: 'running',
      ...by,
    });
    if (started === null) throw new TollboxError('operation_interrupted');
    const created = await this.provision(sandbox, call);
    const running = await this.store.change({
      id: sandbox.id,
      from: ['provisioning'],
      to: 'running',
      kind: 'started',
      onlyIfDesired: 'running',
      providerRef: created.providerRef,
      imageDigest: created.imageDigest,
      ...by,
    });
    return running ?? (await this.settledByAnother(sandbox, created, call));
  }

  private ordered({ order, owner, operationId, operation = 'sandbox.create' }: CreateCall): Omit<NewSandbox, 'id'> {
    const { isolation, networkPolicy } = this.provider.capabilities();
    return {
      ...order,
      operation,
      owner,
      operationId,
      provider: this.provider.name,
      isolation,
      networkPolicy: order.network?.policy ?? networkPolicy,
      createDeadlineMs: createDeadlineMs(this.settings, order.setupCommands),
    };
  }

  private async request(ordered: Omit<NewSandbox, 'id'>): Promise<Sandbox> {
    const result = await this.store.requestSandbox({ ...ordered, id: this.newId() }, this.settings);
    if (result === 'abandoned') throw new TollboxError('operation_interrupted');
    return typeof result === 'string' ? refuseNewSandbox(result) : result;
  }

  private async provision(sandbox: Sandbox, { order, owner, operationId }: CreateCall): Promise<CreatedSandbox> {
    try {
      const creating = this.provider.create({
        sandboxId: sandbox.id,
        installationId: this.installation.id,
        owner,
        image: order.image,
        cpuMillis: order.cpuMillis,
        memoryMiB: order.memoryMiB,
        gpu: order.gpu,
        lifetimeMs: order.lifetimeMs + this.settings.lifetimeMarginMs,
        ...(order.network === undefined ? {} : { network: order.network }),
        ...(order.ports === undefined ? {} : { ports: order.ports }),
        ...(order.setupCommands === undefined ? {} : { setupCommands: order.setupCommands }),
        ...this.optionsOf(order),
      });
      this.phases.reached('operation_running');
      return await creating;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      const isUncertain = error.kind === 'timeout';
      await this.store.change({
        id: sandbox.id,
        from: ['provisioning'],
        to: isUncertain ? 'unknown' : 'failed',
        kind: isUncertain ? 'create_timed_out' : 'create_failed',
        end: isUncertain,
        reason: isUncertain ? 'create_interrupted' : 'provider_error',
        actor: owner,
        operationId,
        detail: { provider_error: error.kind },
      });
      throw toCreateFailure(error);
    }
  }

  /** What only some orders ask of the provider. An idle timeout is ours to enforce; the provider's is the net below. */
  private optionsOf({ env, idleTimeoutMs }: SandboxOrder): Partial<SandboxSpec> {
    const providerIsAsked = idleTimeoutMs !== undefined && this.provider.capabilities().features.has('idle_timeout');
    return {
      ...(env === undefined ? {} : { env }),
      ...(providerIsAsked ? { idleTimeoutMs: idleTimeoutMs + this.settings.lifetimeMarginMs } : {}),
    };
  }

  /**
   * Somebody decided about this sandbox while the provider made it. A recovery that found the provider object has made
   * the same sandbox `running`; anything else means that it must not stay.
   */
  private async settledByAnother(sandbox: Sandbox, created: CreatedSandbox, call: CreateCall): Promise<Sandbox> {
    const now = await this.store.find(sandbox.id);
    const isAdopted = now?.state === 'running' && now.desiredState === 'running';
    if (isAdopted && now.providerRef === created.providerRef) return now;
    const by = { actor: call.owner, operationId: call.operationId };
    await this.store.rememberProviderRef(sandbox.id, created.providerRef);
    await this.store.note(sandbox.id, 'late_create_removed', by, { provider_ref: created.providerRef });
    if (!isAdopted) await this.store.requestEnd(sandbox.id, 'create_interrupted', by);
    try {
      await this.provider.terminate(created);
      await this.ender.drive(sandbox.id, by);
    } catch (error) {
      throw toBuyerError(error);
    }
    throw new TollboxError('operation_interrupted');
  }
}

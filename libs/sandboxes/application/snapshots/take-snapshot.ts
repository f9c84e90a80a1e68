import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { PhaseObserver } from '@tollbox/platform/faults/phase-boundaries';
import type { Sandbox } from '../../domain/sandbox';
import type { Snapshot } from '../../domain/snapshot';
import { snapshotAnswer, type SnapshotAnswer } from '../../domain/snapshot-wire';
import type { SandboxAccess } from '../access';
import type { InstallationView } from '../ports/installation-view';
import { ProviderError, type ProviderErrorKind } from '../ports/provider';
import type { TakenSnapshot } from '../ports/provider-snapshots';
import type { SnapshotStore } from '../ports/snapshot-store';
import { toBuyerError } from '../provider-failure';
import type { EndSnapshot } from './end-snapshot';
import type { SnapshotCalls } from './snapshot-calls';
import type { SnapshotSettings } from './snapshot-settings';

export interface SnapshotCall {
  readonly owner: string;
  readonly operationId: string;
  readonly sandboxId: string;
  readonly ttlMs: number;
}

/** Failures that prove that nothing was made. After any other one an image may be there, or come. */
const NOTHING_MADE: ReadonlySet<ProviderErrorKind> = new Set(['gone', 'not_found', 'invalid', 'misconfigured', 'rate_limited']);

export const snapshotLimitReached = (): TollboxError => new TollboxError('snapshot_limit_reached');

/** Takes a snapshot: the row first, then the provider's image, each step a compare-and-set. */
export class TakeSnapshot {
  constructor(
    private readonly store: SnapshotStore,
    private readonly calls: SnapshotCalls,
    private readonly access: SandboxAccess,
    private readonly installation: InstallationView,
    private readonly ender: EndSnapshot,
    private readonly settings: SnapshotSettings,
    private readonly phases: PhaseObserver,
    private readonly newId: () => string,
  ) {}

  /** @throws TollboxError; what may have been made is removed */
  async execute(call: SnapshotCall): Promise<SnapshotAnswer> {
    this.calls.requireSupport();
    const sandbox = await this.access.owned(call.owner, call.sandboxId, 'sandbox.snapshot');
    const { id } = await this.request(call);
    const by = { actor: call.owner, operationId: call.operationId };
    if ((await this.store.change({ id, from: ['requested'], to: 'taking', kind: 'taking', ...by })) === null)
      throw new TollboxError('operation_interrupted');
    const taken = await this.take(sandbox, id, call);
    const { snapshotRef: providerRef, sizeBytes } = taken;
    const ready = await this.store.change({ id, from: ['taking'], to: 'ready', kind: 'taken', providerRef, sizeBytes, ...by });
    return snapshotAnswer(ready ?? (await this.settledByAnother(id, providerRef, call)));
  }

  private async request({ owner, sandboxId, operationId, ttlMs }: SnapshotCall): Promise<Snapshot> {
    const provider = this.calls.providerName;
    const wanted = { id: this.newId(), owner, sandboxId, operationId, provider, ttlMs };
    const result = await this.store.request(wanted, this.settings.maxPerOwner);
    if (result === 'abandoned') throw new TollboxError('operation_interrupted');
    if (result === 'not_running') throw new TollboxError('sandbox_gone');
    if (result === 'limit_of_owner') throw snapshotLimitReached();
    return result;
  }

  private async take(sandbox: Sandbox, snapshotId: string, call: SnapshotCall): Promise<TakenSnapshot> {
    try {
      const taking = this.calls.take(sandbox, { installationId: this.installation.id, snapshotId }, call.ttlMs);
      this.phases.reached('operation_running');
      return await taking;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      const isCertain = NOTHING_MADE.has(error.kind);
      await this.store.change({
        id: snapshotId,
        from: ['taking'],
        to: isCertain ? 'failed' : 'unknown',
        kind: isCertain ? 'take_failed' : 'outcome_unknown',
        actor: call.owner,
        operationId: call.operationId,
        detail: { provider_error: error.kind },
      });
      throw error.problem === 'too_large' ? new TollboxError('snapshot_too_large', { cause: error }) : toBuyerError(error);
    }
  }

  /** A recovery that found the image has made the same snapshot `ready`; anything else means that it must not stay. */
  private async settledByAnother(id: string, providerRef: string, call: SnapshotCall): Promise<Snapshot> {
    const now = await this.store.find(id);
    if (now?.state === 'ready' && now.providerRef === providerRef) return now;
    const by = { actor: call.owner, operationId: call.operationId };
    await this.store.rememberRef(id, providerRef);
    await this.ender.order(id, 'late_take_removed', by);
    await this.calls.remove(providerRef).catch((error: unknown) => {
      if (!(error instanceof ProviderError)) throw error;
    });
    await this.ender.driveIfPossible(id, by);
    throw new TollboxError('operation_interrupted');
  }
}

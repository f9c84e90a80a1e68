import type { Ids } from '@tollbox/platform/clock/random';
import { mapConcurrently } from '@tollbox/platform/process/map-concurrently';
import { poolTargets, profileKey, type PoolBounds, type PoolProfile, type ProfileDemand } from '../domain/pool';
import type { Sandbox } from '../domain/sandbox';
import type { NewId } from './create-sandbox';
import type { InstallationView } from './ports/installation-view';
import type { PoolSource, PoolStore } from './ports/pool-store';
import { ProviderError } from './ports/provider';
import type { SandboxStore } from './ports/sandbox-store';
import type { ProviderCalls } from './provider-calls';

export interface KeepPoolSettings extends PoolBounds {
  /** What a buyer gets who asks for nothing. */
  readonly defaultProfile: PoolProfile;
  /** Demand is what came in this time. */
  readonly windowMs: number;
  readonly maxAgeMs: number;
  /** Longest lifetime that is sold; a member can serve it at the end of its age. */
  readonly maxLifetimeMs: number;
  readonly lifetimeMarginMs: number;
  readonly createDeadlineMs: number;
  /** Members that are made, or looked at, at once. */
  readonly concurrency: number;
  readonly holder: string;
  readonly leaseMs: number;
}

interface PoolDemand extends ProfileDemand {
  /** Members that are there or being made. */
  readonly members: number;
}

const BY = { actor: 'pool' };
const SECONDS_PER_HOUR = 3_600n;

/**
 * Keeps the warm pool at the size that recent demand asks for: makes members, ends those that are too many and those that
 * do not run any more. One worker at a time; what a dead one began to make, the reaper ends like any create.
 */
export class KeepPool {
  constructor(
    private readonly pool: PoolStore,
    private readonly store: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly installation: InstallationView,
    private readonly ids: Ids,
    private readonly newId: NewId,
    private readonly settings: KeepPoolSettings,
    private readonly onProblem: (message: string, error: unknown) => void,
  ) {}

  /** @param stopping ends the work early, between two provider calls */
  async run(stopping: AbortSignal): Promise<void> {
    if (!(await this.pool.holdLease(this.settings.holder, this.settings.leaseMs))) return;
    const source = this.source();
    await this.lookAtMembers(source, stopping);
    const missing: PoolProfile[] = [];
    for (const { demand, target } of poolTargets(await this.demands(source), this.settings.windowMs, this.settings)) {
      const { profile, members } = demand;
      if (members > target) await this.pool.endSurplus(profile, source, members - target);
      for (let lacking = target - members; lacking > 0; lacking--) missing.push(profile);
    }
    await mapConcurrently(missing, this.settings.concurrency, async (profile) => {
      if (!stopping.aborted) await this.make(profile, source);
    });
  }

  private source(): PoolSource {
    const { isolation, networkPolicy } = this.provider.capabilities();
    return { provider: this.provider.name, isolation, networkPolicy };
  }

  /** A member that does not run is ended before anybody is given it. */
  private async lookAtMembers(source: PoolSource, stopping: AbortSignal): Promise<void> {
    const members = await this.pool.members(source, this.settings.max);
    await mapConcurrently(members, this.settings.concurrency, async (member) => {
      if (!stopping.aborted) await this.lookAt(member);
    });
  }

  private async lookAt(member: Sandbox): Promise<void> {
    try {
      if ((await this.provider.inspect(member)).kind !== 'running') await this.store.requestEnd(member.id, 'provider_lost', BY);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      this.onProblem(`pool member ${member.id} could not be looked at`, error);
    }
  }

  private async demands(source: PoolSource): Promise<readonly PoolDemand[]> {
    const { defaultProfile, windowMs } = this.settings;
    const counts = await this.pool.counts(source, windowMs);
    const rates = await this.pool.secondRates(source.provider);
    const isDefault = (profile: PoolProfile): boolean => profileKey(profile) === profileKey(defaultProfile);
    const own = counts.find(({ profile }) => isDefault(profile)) ?? { profile: defaultProfile, members: 0, creates: 0 };
    return [own, ...counts.filter(({ profile }) => !isDefault(profile))].map((count) => ({
      ...count,
      usdE12PerHour: hourOf(count.profile, rates),
    }));
  }

  private async make(profile: PoolProfile, source: PoolSource): Promise<void> {
    const { maxLifetimeMs, maxAgeMs, lifetimeMarginMs, createDeadlineMs } = this.settings;
    const id = this.newId();
    const operationId = this.ids.uuid();
    const by = { ...BY, operationId };
    const requested = await this.pool.request({
      ...profile,
      ...source,
      id,
      operationId,
      lifetimeMs: maxLifetimeMs,
      createDeadlineMs,
    });
    if (!requested) return;
    const step = { id, onlyIfDesired: 'running' as const, ...by };
    if ((await this.store.change({ ...step, from: ['requested'], to: 'provisioning', kind: 'provisioning' })) === null) return;
    try {
      const created = await this.provider.create({
        ...profile,
        sandboxId: id,
        installationId: this.installation.id,
        gpu: null,
        lifetimeMs: maxAgeMs + maxLifetimeMs + lifetimeMarginMs,
      });
      if (await this.pool.ready(id, created.providerRef, created.imageDigest, maxAgeMs)) return;
      await this.store.rememberProviderRef(id, created.providerRef);
      await this.store.requestEnd(id, 'create_interrupted', by);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      await this.failed(id, operationId, error);
    }
  }

  private async failed(id: string, operationId: string, error: ProviderError): Promise<void> {
    const isUncertain = error.kind === 'timeout';
    await this.store.change({
      id,
      from: ['provisioning'],
      to: isUncertain ? 'unknown' : 'failed',
      kind: isUncertain ? 'create_timed_out' : 'create_failed',
      end: isUncertain,
      reason: isUncertain ? 'create_interrupted' : 'provider_error',
      detail: { provider_error: error.kind },
      ...BY,
      operationId,
    });
    this.onProblem(`pool member ${id} could not be made`, error);
  }
}

/** Rates are for a whole core and a GiB. */
function hourOf({ cpuMillis, memoryMiB }: PoolProfile, rates: ReadonlyMap<string, bigint>): bigint | null {
  const [cpu, memory] = [rates.get('cpu'), rates.get('memory')];
  if (cpu === undefined || memory === undefined) return null;
  return ((cpu * BigInt(cpuMillis)) / 1_000n + (memory * BigInt(memoryMiB)) / 1_024n) * SECONDS_PER_HOUR;
}

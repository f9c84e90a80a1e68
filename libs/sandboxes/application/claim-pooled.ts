import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { profileOf } from '../domain/pool';
import type { Sandbox } from '../domain/sandbox';
import { refuseNewSandbox } from './admit-create';
import type { PoolStore } from './ports/pool-store';
import { ProviderError } from './ports/provider';
import type { NewSandbox, SandboxStore } from './ports/sandbox-store';
import type { ProviderCalls } from './provider-calls';
import type { SandboxSettings } from './settings';

/** What a row has whatever was ordered; anything else that it has is a wish. */
const OF_EVERY_ROW = ['operation', 'owner', 'operationId', 'provider', 'isolation', 'networkPolicy', 'createDeadlineMs'];
/** Members that are tried before a sandbox is made for the call. */
const TRIES = 3;

/** Serves a create from the warm pool. */
export class ClaimPooled {
  constructor(
    private readonly pool: PoolStore,
    private readonly store: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly settings: SandboxSettings,
  ) {}

  /**
   * A member that runs now, sold to the call; null when there is none for it.
   * @throws TollboxError as a create of its own would
   */
  async claim(order: Omit<NewSandbox, 'id'>): Promise<Sandbox | null> {
    const profile = this.settings.poolMax > 0 ? profileOf(order, OF_EVERY_ROW) : null;
    if (profile === null) return null;
    const { provider, isolation, networkPolicy } = order;
    for (let tries = 0; tries < TRIES; tries++) {
      const member = await this.pool.pick(profile, { provider, isolation, networkPolicy });
      if (member === null) return null;
      if (!(await this.runs(member))) continue;
      const result = await this.pool.claim(member.id, { ...order, id: member.id }, this.settings);
      if (result === 'taken') continue;
      if (result === 'abandoned') throw new TollboxError('operation_interrupted');
      return typeof result === 'string' ? refuseNewSandbox(result) : result;
    }
    return null;
  }

  /** Looked at before it is sold: one that died in the pool would be charged for nothing. */
  private async runs(member: Sandbox): Promise<boolean> {
    try {
      if ((await this.provider.inspect(member)).kind === 'running') return true;
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return false;
    }
    await this.store.requestEnd(member.id, 'provider_lost', { actor: 'pool' });
    return false;
  }
}

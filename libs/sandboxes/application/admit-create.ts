import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { InstallationView } from './ports/installation-view';
import type { SandboxOrder } from '../domain/sandbox';
import type { ProviderCalls } from './provider-calls';
import { wishesOf } from './order-wishes';
import { requireFeatures } from './require-features';
import { brokenLimit, type CreateRefusal } from '../domain/create-limits';
import type { RequestResult, SandboxStore } from './ports/sandbox-store';
import type { Sandbox } from '../domain/sandbox';
import type { SandboxSettings } from './settings';

type Refusal = Exclude<RequestResult, Sandbox | 'abandoned'>;

const DRAIN_RETRY_AFTER_S = 60;
const LIMITS: Readonly<Record<CreateRefusal, { readonly message: string; readonly retryAfterSeconds: number }>> = {
  limit_of_owner: { message: 'This wallet has as many running sandboxes as one wallet may have.', retryAfterSeconds: 10 },
  limit_of_installation: { message: 'This installation has as many running sandboxes as it may have.', retryAfterSeconds: 10 },
  pace_of_owner: {
    message: 'This wallet has created as many sandboxes in the last minute as one wallet may.',
    retryAfterSeconds: 15,
  },
  pace_of_installation: {
    message: 'This installation has created as many sandboxes in the last minute as it may.',
    retryAfterSeconds: 15,
  },
  queue_of_installation: { message: 'As many sandboxes are being created at this moment as may be.', retryAfterSeconds: 2 },
};

/** @throws TollboxError always */
export function refuseNewSandbox(refusal: Refusal): never {
  if (refusal === 'name_taken') throw new TollboxError('sandbox_name_taken');
  if (refusal === 'draining') throw new TollboxError('draining', { retryAfterSeconds: DRAIN_RETRY_AFTER_S });
  throw new TollboxError('sandbox_limit_reached', LIMITS[refusal]);
}

/** Whether a wallet may create a sandbox now. The create itself checks again, exactly. */
export class AdmitCreate {
  constructor(
    private readonly store: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly installation: InstallationView,
    private readonly settings: SandboxSettings,
  ) {}

  /** @throws TollboxError `not_supported_here`, `draining`, `sandbox_limit_reached` or `sandbox_name_taken` */
  async check(owner: string, order: SandboxOrder): Promise<void> {
    requireFeatures(this.provider, wishesOf(order));
    if (await this.installation.isDraining()) refuseNewSandbox('draining');
    const refusal = brokenLimit(await this.store.countLive(owner), this.settings);
    if (refusal !== null) refuseNewSandbox(refusal);
    if (order.name !== undefined && (await this.store.isNameTaken(owner, order.name))) refuseNewSandbox('name_taken');
  }
}

import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import type { InstallationView } from './ports/installation-view';
import type { SandboxOrder } from '../domain/sandbox';
import type { ProviderCalls } from './provider-calls';
import { wishesOf } from './order-wishes';
import { requireFeatures } from './require-features';
import type { RequestResult, SandboxStore } from './ports/sandbox-store';
import type { Sandbox } from '../domain/sandbox';
import type { SandboxSettings } from './settings';

type Refusal = Exclude<RequestResult, Sandbox | 'abandoned'>;

const RETRY_AFTER_S = 10;
const DRAIN_RETRY_AFTER_S = 60;

/** @throws TollboxError always */
export function refuseNewSandbox(refusal: Refusal): never {
  if (refusal === 'draining') throw new TollboxError('draining', { retryAfterSeconds: DRAIN_RETRY_AFTER_S });
  const message =
    refusal === 'limit_of_owner'
      ? 'This wallet has as many running sandboxes as one wallet may have.'
      : 'This installation has as many running sandboxes as it may have.';
  throw new TollboxError('sandbox_limit_reached', { message, retryAfterSeconds: RETRY_AFTER_S });
}

/** Whether a wallet may create a sandbox now. The create itself checks again, exactly. */
export class AdmitCreate {
  constructor(
    private readonly store: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly installation: InstallationView,
    private readonly settings: SandboxSettings,
  ) {}

  /** @throws TollboxError `not_supported_here`, `draining` or `sandbox_limit_reached` */
  async check(owner: string, order: SandboxOrder): Promise<void> {
    requireFeatures(this.provider, wishesOf(order));
    if (await this.installation.isDraining()) refuseNewSandbox('draining');
    const live = await this.store.countLive(owner);
    if (live.ofOwner >= this.settings.maxLivePerOwner) refuseNewSandbox('limit_of_owner');
    if (live.ofInstallation >= this.settings.maxLive) refuseNewSandbox('limit_of_installation');
  }
}

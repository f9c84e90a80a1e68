import type { Clock } from '@tollbox/platform/clock/clock';
import type { Sandbox } from '../domain/sandbox';
import { isFinal, type EndReason } from '../domain/sandbox-state';
import type { InstallationView } from './ports/installation-view';
import type { Actor, SandboxStore } from './ports/sandbox-store';
import type { ProviderCalls } from './provider-calls';
import type { SandboxSettings } from './settings';

/** Steps of one drive; more means that somebody else changes the row all the time. */
const MAX_STEPS = 8;
/** A provider object that a create made may show in the list this much later. */
const LISTING_DELAY_MS = 5_000;

/**
 * Ends sandboxes: the wish is recorded first, then the row is driven to its end. Any process can go on where another
 * stopped, and several may do it at once.
 */
export class EndSandbox {
  constructor(
    private readonly store: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly installation: InstallationView,
    private readonly clock: Clock,
    private readonly settings: SandboxSettings,
  ) {}

  /**
   * Records that the sandbox must end and ends it.
   * @returns the sandbox as it is then; null for an unknown id
   * @throws ProviderError when the provider fails; the reaper goes on with it
   */
  async end(id: string, reason: EndReason, by: Actor): Promise<Sandbox | null> {
    await this.store.requestEnd(id, reason, by);
    return this.drive(id, by);
  }

  /**
   * Drives a sandbox that must end to its end; any other one is left alone. A sandbox whose create may still be under way
   * stays `terminating` until the create is over: only then is it certain that nothing was left.
   * @throws ProviderError
   */
  async drive(id: string, by: Actor): Promise<Sandbox | null> {
    for (let step = 0; step < MAX_STEPS; step++) {
      const sandbox = await this.store.find(id);
      if (sandbox === null || isFinal(sandbox.state) || sandbox.desiredState === 'running') return sandbox;
      if (sandbox.state === 'requested') {
        await this.store.change({ id, from: ['requested'], to: 'terminated', kind: 'terminated', ...by });
      } else if (sandbox.state !== 'terminating') {
        await this.store.change({ id, from: [sandbox.state], to: 'terminating', kind: 'terminating', ...by });
      } else if (await this.removeObjects(sandbox)) {
        await this.store.change({ id, from: ['terminating'], to: 'terminated', kind: 'terminated', ...by });
      } else {
        return sandbox;
      }
    }
    return this.store.find(id);
  }

  /**
   * Goes on from a row that was just read: the usual case, a `terminating` one with a provider object, costs one call and
   * one statement.
   * @throws ProviderError
   */
  async finish(sandbox: Sandbox, by: Actor): Promise<void> {
    if (sandbox.state === 'terminating' && (await this.removeObjects(sandbox)))
      await this.store.change({ id: sandbox.id, from: ['terminating'], to: 'terminated', kind: 'terminated', ...by });
    else if (sandbox.state !== 'terminating') await this.drive(sandbox.id, by);
  }

  /** False when nothing is known of a provider object and one may still appear. */
  private async removeObjects(sandbox: Sandbox): Promise<boolean> {
    this.provider.refuseForeign(sandbox);
    if (sandbox.providerRef !== null) {
      await this.provider.terminate({ providerRef: sandbox.providerRef });
      return true;
    }
    const listed = await this.provider.list(this.installation.id);
    const ours = listed.filter(({ sandboxId }) => sandboxId === sandbox.id);
    for (const handle of ours) await this.provider.terminate(handle);
    return ours.length > 0 || this.creationIsOver(sandbox);
  }

  private creationIsOver(sandbox: Sandbox): boolean {
    const overAtMs =
      sandbox.createdAt.getTime() + this.settings.createDeadlineMs + this.settings.setupDeadlineMs + LISTING_DELAY_MS;
    return this.clock.nowMs() > overAtMs;
  }
}

import { isUsable, type Sandbox } from '../domain/sandbox';
import type { Clock } from '@tollbox/platform/clock/clock';
import type { EndSandbox } from './end-sandbox';
import type { InstallationView } from './ports/installation-view';
import { ProviderError } from './ports/provider';
import type { Actor, SandboxStore } from './ports/sandbox-store';
import type { ProviderCalls } from './provider-calls';

export type CreationOutcome = { readonly kind: 'done'; readonly sandbox: Sandbox } | { readonly kind: 'not_started' | 'unknown' };

/** Steps of one settlement; more means that somebody else changes the row all the time. */
const MAX_STEPS = 8;

/**
 * Decides what became of a create whose process is believed dead. That process may be alive and slow: every step is a
 * compare-and-set that makes its next one fail.
 */
export class SettleCreation {
  constructor(
    private readonly store: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly installation: InstallationView,
    private readonly ender: EndSandbox,
    private readonly clock: Clock,
  ) {}

  /** @param operation its name */
  async settle(operationId: string, operation: string): Promise<CreationOutcome> {
    if ((await this.store.abandonOperation(operationId, operation)) === 'abandoned') return { kind: 'not_started' };
    const by = { actor: 'recovery', operationId };
    for (let step = 0; step < MAX_STEPS; step++) {
      const sandbox = await this.store.findByOperation(operationId);
      if (sandbox === null) throw new Error(`operation ${operationId} is started and has no sandbox`);
      const outcome = await this.step(sandbox, by);
      if (outcome !== null) return outcome;
    }
    throw new Error(`the create of operation ${operationId} keeps changing`);
  }

  /** Null when the row changed meanwhile and must be read again. */
  private async step(sandbox: Sandbox, by: Actor): Promise<CreationOutcome | null> {
    const { id } = sandbox;
    switch (sandbox.state) {
      case 'requested':
        await this.store.change({
          id,
          from: ['requested'],
          to: 'failed',
          kind: 'create_given_up',
          reason: 'create_interrupted',
          ...by,
        });
        return null;
      case 'failed':
        return { kind: 'not_started' };
      case 'provisioning':
      case 'unknown':
        return sandbox.desiredState === 'running' ? this.adoptOrEnd(sandbox, by) : this.giveUp(sandbox, by);
      case 'running':
        // Nobody was ever told of a sandbox whose time is over: it cannot be sold any more.
        return isUsable(sandbox, this.clock.nowMs()) ? { kind: 'done', sandbox } : this.giveUp(sandbox, by);
      case 'pooled':
      case 'finished':
      case 'terminating':
      case 'terminated':
      case 'lost':
        return { kind: 'unknown' };
    }
  }

  private async adoptOrEnd(sandbox: Sandbox, by: Actor): Promise<CreationOutcome | null> {
    const providerRef = await this.findRunningObject(sandbox);
    if (providerRef === null) return this.giveUp(sandbox, by);
    await this.store.change({
      id: sandbox.id,
      from: ['provisioning', 'unknown'],
      to: 'running',
      kind: 'adopted',
      onlyIfDesired: 'running',
      providerRef,
      ...by,
    });
    return null;
  }

  /** The one provider object of the sandbox, when it runs. A provider that does not answer knows of none. */
  private async findRunningObject(sandbox: Sandbox): Promise<string | null> {
    try {
      const listed = (await this.provider.list(this.installation.id)).filter(({ sandboxId }) => sandboxId === sandbox.id);
      const [object] = listed;
      if (object === undefined || listed.length > 1) return null;
      const state = await this.provider.inspect({ ...sandbox, providerRef: object.providerRef });
      if (state.kind !== 'running') return null;
      await this.provider.complete(object);
      return object.providerRef;
    } catch (error) {
      if (error instanceof ProviderError) return null;
      throw error;
    }
  }

  private async giveUp(sandbox: Sandbox, by: Actor): Promise<CreationOutcome> {
    await this.store.requestEnd(sandbox.id, 'create_interrupted', by);
    await driveIfPossible(this.ender, sandbox.id, by);
    return { kind: 'unknown' };
  }
}

/** The wish is recorded; what a failing provider keeps from happening now, the reaper does later. */
export async function driveIfPossible(ender: EndSandbox, sandboxId: string, by: Actor): Promise<void> {
  try {
    await ender.drive(sandboxId, by);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
  }
}

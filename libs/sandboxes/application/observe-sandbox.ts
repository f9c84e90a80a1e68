import type { Sandbox } from '../domain/sandbox';
import type { Actor, SandboxStore } from './ports/sandbox-store';
import type { ProviderState } from './ports/provider';
import type { ProviderCalls } from './provider-calls';
import type { Clock } from '@tollbox/platform/clock/clock';

/** Explicit not-founds after which a sandbox counts as lost. */
export const GHOST_SIGHTINGS = 2;

/**
 * Asks the provider how a running sandbox is and writes down what has changed: it has ended by itself (`finished`), or
 * the provider does not know it any more (`lost` at the second sighting).
 */
export class ObserveSandbox {
  constructor(
    private readonly store: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly clock: Clock,
  ) {}

  /**
   * @returns the row as it is after the look
   * @throws ProviderError when the provider does not answer; the row is as before
   */
  async observe(sandbox: Sandbox, by: Actor): Promise<Sandbox> {
    return this.record(sandbox, await this.provider.inspect(sandbox), by);
  }

  /** Writes down what an inspect said. */
  async record(sandbox: Sandbox, state: ProviderState, by: Actor): Promise<Sandbox> {
    if (state.kind === 'running') return this.cleared(sandbox);
    if (state.kind === 'ended') return this.finished(sandbox, state, by);
    const sightings = await this.store.countGhostSighting(sandbox.id);
    if (sightings < GHOST_SIGHTINGS) return { ...sandbox, ghostSightings: sightings };
    return this.lost(sandbox, sightings, by);
  }

  private async cleared(sandbox: Sandbox): Promise<Sandbox> {
    if (sandbox.ghostSightings > 0) await this.store.clearGhostSightings(sandbox.id);
    return { ...sandbox, ghostSightings: 0 };
  }

  private async finished(sandbox: Sandbox, state: ProviderState & { kind: 'ended' }, by: Actor): Promise<Sandbox> {
    const isOver = sandbox.deadlineAt.getTime() <= this.clock.nowMs();
    const reason = state.outOfMemory ? 'out_of_memory' : isOver ? 'deadline' : 'entrypoint_exited';
    const changed = await this.store.change({
      id: sandbox.id,
      from: ['running'],
      to: 'finished',
      kind: 'finished',
      end: true,
      reason,
      returncode: state.returncode,
      ...by,
    });
    return changed ?? this.current(sandbox);
  }

  private async lost(sandbox: Sandbox, sightings: number, by: Actor): Promise<Sandbox> {
    const changed = await this.store.change({
      id: sandbox.id,
      from: ['running', 'unknown', 'pooled'],
      to: 'lost',
      kind: 'lost',
      end: true,
      reason: 'provider_lost',
      detail: { sightings },
      ...by,
    });
    return changed ?? this.current(sandbox);
  }

  private async current(sandbox: Sandbox): Promise<Sandbox> {
    return (await this.store.find(sandbox.id)) ?? sandbox;
  }
}

import type { Clock } from '@tollbox/platform/clock/clock';
import { mapConcurrently } from '@tollbox/platform/process/map-concurrently';
import { GHOST_SIGHTINGS, type ObserveSandbox } from '@tollbox/sandboxes/application/observe-sandbox';
import type { ListedSandbox } from '@tollbox/sandboxes/application/ports/provider';
import type { SandboxStore } from '@tollbox/sandboxes/application/ports/sandbox-store';
import type { ProviderCalls } from '@tollbox/sandboxes/application/provider-calls';
import type { Sandbox } from '@tollbox/sandboxes/domain/sandbox';
import { isFinal } from '@tollbox/sandboxes/domain/sandbox-state';
import type { ReaperStore, RowOfObject } from './ports/reaper-store';
import type { ReaperLog } from './reaper-log';

export interface SweepSettings {
  readonly installationId: string;
  /** Names this process in the lease. */
  readonly holder: string;
  readonly leaseMs: number;
  /** An unexplained object younger than this may belong to a create that is under way. */
  readonly orphanAgeMs: number;
  /** More orphans and ghosts than this in one sweep stop it. */
  readonly maxRemovals: number;
  /** Running sandboxes that one sweep looks at. */
  readonly maxLooks: number;
  readonly concurrency: number;
}

export interface SweepAudit {
  orphanRemoved(providerRef: string, sandboxId: string | null): Promise<void>;
  stopped(detail: { readonly orphans: number; readonly ghosts: number; readonly limit: number }): Promise<void>;
}

export type SweepResult =
  | { readonly kind: 'done'; readonly orphans: number; readonly ghosts: number; readonly looks: number }
  | { readonly kind: 'stopped'; readonly orphans: number; readonly ghosts: number }
  | { readonly kind: 'not_holder' };

interface Orphan {
  readonly object: ListedSandbox;
  readonly row: RowOfObject | undefined;
}

const LEASE = 'reaper-sweep';
const BY = { actor: 'reaper' };

/**
 * Compares the rows with the provider. An orphan is a provider object of this installation that no live row explains, a
 * ghost is a running row whose object the provider explicitly does not know, twice. Both are rare: many at once mean that
 * one of the two lists is wrong, so then nothing is removed.
 */
export class Sweep {
  /** Where the next sweep goes on looking at sandboxes that are listed. */
  private lookAfter = '';

  constructor(
    private readonly store: ReaperStore,
    private readonly sandboxes: SandboxStore,
    private readonly provider: ProviderCalls,
    private readonly observer: ObserveSandbox,
    private readonly audit: SweepAudit,
    private readonly clock: Clock,
    private readonly settings: SweepSettings,
    private readonly log: ReaperLog,
  ) {}

  /**
   * @param stopping ends the sweep early, between two provider calls
   * @throws ProviderError when the provider cannot list its objects
   */
  async sweep(stopping: AbortSignal): Promise<SweepResult> {
    if (!(await this.holdLease())) return { kind: 'not_holder' };
    try {
      return await this.compare(stopping);
    } finally {
      await this.store.releaseLease(LEASE, this.settings.holder);
    }
  }

  private async compare(stopping: AbortSignal): Promise<SweepResult> {
    const listed = await this.provider.list(this.settings.installationId);
    // The rows are read after the list: a row is always there before its object.
    const orphans = await this.findOrphans(listed);
    const { ghosts, looks } = await this.lookAtRunning(listed, stopping);
    const counts = { orphans: orphans.length, ghosts: ghosts.length };
    if (counts.orphans + counts.ghosts > this.settings.maxRemovals) {
      this.log.alarm(
        `the sweep found ${counts.orphans} orphans and ${counts.ghosts} ghosts, more than ${this.settings.maxRemovals}: nothing is removed`,
      );
      await this.audit.stopped({ ...counts, limit: this.settings.maxRemovals });
      return { kind: 'stopped', ...counts };
    }
    if (!(await this.holdLease())) return { kind: 'not_holder' };
    await mapConcurrently(orphans, this.settings.concurrency, (orphan) => this.remove(orphan, stopping));
    for (const ghost of ghosts) await this.observer.record(ghost, { kind: 'not_found' }, BY);
    return { kind: 'done', ...counts, looks };
  }

  private holdLease(): Promise<boolean> {
    return this.store.holdLease(LEASE, this.settings.holder, this.settings.leaseMs);
  }

  private async findOrphans(listed: readonly ListedSandbox[]): Promise<Orphan[]> {
    const rows = await this.store.rowsOf(listed.flatMap(({ sandboxId }) => (sandboxId === null ? [] : [sandboxId])));
    const unexplained = listed
      .map((object) => ({ object, row: object.sandboxId === null ? undefined : rows.get(object.sandboxId) }))
      .filter(({ object, row }) => !isExplained(object, row));
    const refs = unexplained.map(({ object }) => object.providerRef);
    const seenForMs = await this.store.rememberUnexplained(this.provider.name, refs);
    return unexplained.filter(({ object }) => {
      const ageMs =
        object.createdAt === null ? (seenForMs.get(object.providerRef) ?? 0) : this.clock.nowMs() - object.createdAt.getTime();
      return ageMs >= this.settings.orphanAgeMs;
    });
  }

  /**
   * Looks at the sandboxes that are not listed as running: they are gone, or have ended by themselves. Of those of which the
   * list does not say whether they run, it looks at some in turn.
   */
  private async lookAtRunning(
    listed: readonly ListedSandbox[],
    stopping: AbortSignal,
  ): Promise<{ ghosts: Sandbox[]; looks: number }> {
    const refs = listed.filter(({ isRunning }) => isRunning !== false).map(({ providerRef }) => providerRef);
    const missing = await this.store.runningWithoutObject(this.provider.name, refs, this.settings.maxLooks);
    const saysAll = listed.every(({ isRunning }) => isRunning !== undefined);
    const others = saysAll ? [] : await this.nextOfTurn(this.settings.maxLooks - missing.length);
    const sandboxes = [...new Map([...missing, ...others].map((sandbox) => [sandbox.id, sandbox])).values()];
    const ghosts: Sandbox[] = [];
    await mapConcurrently(sandboxes, this.settings.concurrency, async (sandbox) => {
      if (!stopping.aborted && (await this.isGhost(sandbox))) ghosts.push(sandbox);
    });
    return { ghosts, looks: sandboxes.length };
  }

  private async nextOfTurn(limit: number): Promise<readonly Sandbox[]> {
    if (limit <= 0) return [];
    const sandboxes = await this.store.runningAfter(this.provider.name, this.lookAfter, limit);
    this.lookAfter = sandboxes.length < limit ? '' : (sandboxes.at(-1)?.id ?? '');
    return sandboxes;
  }

  /** Writes down what it sees, except the last sighting of a ghost: whether that one counts is decided over all of them. */
  private async isGhost(sandbox: Sandbox): Promise<boolean> {
    try {
      const state = await this.provider.inspect(sandbox);
      if (state.kind === 'not_found' && sandbox.ghostSightings + 1 >= GHOST_SIGHTINGS) return true;
      await this.observer.record(sandbox, state, BY);
    } catch (error) {
      this.log.problem(`sandbox ${sandbox.id} could not be looked at`, error);
    }
    return false;
  }

  private async remove({ object, row }: Orphan, stopping: AbortSignal): Promise<void> {
    if (stopping.aborted) return;
    try {
      await this.provider.terminate(object);
      if (row !== undefined) await this.sandboxes.note(row.id, 'orphan_removed', BY, { provider_ref: object.providerRef });
      await this.audit.orphanRemoved(object.providerRef, object.sandboxId);
      this.log.info(`removed the orphan ${object.providerRef} of sandbox ${object.sandboxId ?? '(none)'}`);
    } catch (error) {
      this.log.problem(`the orphan ${object.providerRef} could not be removed yet`, error);
    }
  }
}

/** A live row explains its object; another object under the same id it does not. */
function isExplained(object: ListedSandbox, row: RowOfObject | undefined): boolean {
  if (row === undefined || isFinal(row.state)) return false;
  return row.providerRef === null || row.providerRef === object.providerRef;
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { RunStore } from './application/ports/reconciliation-store';
import type { Reconcile } from './application/reconcile';

export interface RunnerSettings {
  /** Names this process. */
  readonly name: string;
  readonly intervalMs: number;
  readonly pollMs: number;
}

export interface ReconciliationLog {
  readonly done: (result: Readonly<Record<string, unknown>>) => void;
  /** Books, chain or provider differ. */
  readonly differs: (result: Readonly<Record<string, unknown>>) => void;
  readonly problem: (error: unknown) => void;
}

/** Reconciles on schedule and on demand for the life of the process. Which of many workers does it, their lease decides. */
export class ReconciliationRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private loop: Promise<void> = Promise.resolve();

  constructor(
    private readonly reconcile: Reconcile,
    private readonly runs: Pick<RunStore, 'isDue'>,
    private readonly settings: RunnerSettings,
    private readonly log: ReconciliationLog,
  ) {}

  onApplicationBootstrap(): void {
    this.loop = this.run();
  }

  /** A run that is under way ends after its batch; the next one goes on from there. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    const isStopping = (): boolean => signal.aborted;
    while (!isStopping()) {
      try {
        if (await this.runs.isDue(this.settings.intervalMs)) await this.once(signal);
      } catch (error) {
        if (!isStopping()) this.log.problem(error);
      }
      await sleep(this.settings.pollMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private async once(signal: AbortSignal): Promise<void> {
    const outcome = await this.reconcile.run(`${this.settings.name}:${randomUUID()}`, this.settings.name, signal);
    if (outcome.kind === 'busy') return;
    const { runId, result, open } = outcome;
    const counts = { run: runId.toString(), to_block: result.to?.number.toString() ?? null, ...result.counts };
    if (Object.keys(open).length > 0) this.log.differs({ ...counts, open_by_class: open });
    else this.log.done(counts);
  }
}

import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { SchedulerRegistry } from '@nestjs/schedule';
import type { Reap } from './application/reap';
import type { ReaperLog } from './application/reaper-log';
import type { Sweep } from './application/sweep';

export interface RunnerSettings {
  readonly passIntervalMs: number;
  readonly sweepIntervalMs: number;
  /** How long a shutdown waits for what is under way. */
  readonly graceMs: number;
}

/** Runs passes and sweeps on their schedule. A tick that comes while the one before still runs is left out. */
export class ReaperRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly running = new Map<string, Promise<void>>();

  constructor(
    private readonly scheduler: SchedulerRegistry,
    private readonly reap: Reap,
    private readonly sweep: Sweep,
    private readonly settings: RunnerSettings,
    private readonly log: ReaperLog,
  ) {}

  /** The first ticks come at once: what ended while no worker ran has waited long enough. */
  onApplicationBootstrap(): void {
    this.schedule('reaper-pass', this.settings.passIntervalMs, (signal) => this.reap.tick(signal));
    this.schedule('reaper-sweep', this.settings.sweepIntervalMs, (signal) => this.sweep.sweep(signal));
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const name of this.scheduler.getIntervals()) {
      if (name === 'reaper-pass' || name === 'reaper-sweep') this.scheduler.deleteInterval(name);
    }
    this.stopping.abort();
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => (timer = setTimeout(resolve, this.settings.graceMs)));
    await Promise.race([Promise.all(this.running.values()).then(() => this.reap.idle()), grace]);
    clearTimeout(timer);
  }

  private schedule(name: string, intervalMs: number, work: (stopping: AbortSignal) => Promise<unknown>): void {
    const tick = (): void => {
      if (this.stopping.signal.aborted || this.running.has(name)) return;
      const done = work(this.stopping.signal)
        .catch((error: unknown) => this.log.problem(`${name} failed and is tried again`, error))
        .then(() => void this.running.delete(name));
      this.running.set(name, done);
    };
    this.scheduler.addInterval(name, setInterval(tick, intervalMs));
    tick();
  }
}

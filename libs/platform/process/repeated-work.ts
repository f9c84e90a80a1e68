import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';

export interface RepeatedStep {
  readonly name: string;
  readonly intervalMs: number;
  run(stopping: AbortSignal): Promise<unknown>;
}

export interface RepeatedWorkSettings {
  /** How long a shutdown waits for what is under way. */
  readonly graceMs: number;
  readonly onProblem: (error: unknown, name: string) => void;
}

/** Runs each step for the life of the process, the next time an interval after it ended. What failed is tried again then. */
export class RepeatedWork implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly steps: readonly RepeatedStep[],
    private readonly settings: RepeatedWorkSettings,
  ) {}

  onApplicationBootstrap(): void {
    this.running = Promise.all(this.steps.map((step) => this.repeat(step)));
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    const grace = new Promise((resolve) => setTimeout(resolve, this.settings.graceMs).unref());
    await Promise.race([this.running, grace]);
  }

  private async repeat(step: RepeatedStep): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await step.run(signal).catch((error: unknown) => this.settings.onProblem(error, step.name));
      await pause(step.intervalMs, signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}

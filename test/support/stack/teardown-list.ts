type Step = () => Promise<void>;

// Setup and teardown run in one process, but jest loads each file by itself: the global object is what they share.
const shared = globalThis as typeof globalThis & { tollboxTeardown?: Step[] };

export function keepForTeardown(step: Step): void {
  (shared.tollboxTeardown ??= []).push(step);
}

/** Runs every step, last added first, also when one fails; then throws what failed. */
export async function runTeardown(): Promise<void> {
  const failures: unknown[] = [];
  for (const step of (shared.tollboxTeardown ?? []).reverse()) {
    await step().catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw new AggregateError(failures, 'the test stack did not stop cleanly');
}

/** Steps that undo what was done, run last first. Every step runs, also after one that failed. */
export class Teardown {
  private readonly steps: { readonly name: string; readonly step: () => Promise<void> }[] = [];
  private running: Promise<void> | undefined;

  add(name: string, step: () => Promise<void> | void): void {
    this.steps.push({ name, step: async () => step() });
  }

  /** Runs the steps once, however often it is called. Rejects with AggregateError when any failed. */
  run(): Promise<void> {
    return (this.running ??= this.runAll());
  }

  private async runAll(): Promise<void> {
    const failures: Error[] = [];
    for (let next = this.steps.pop(); next !== undefined; next = this.steps.pop()) {
      const { name, step } = next;
      await step().catch((cause: unknown) => failures.push(new Error(`stopping ${name}: ${String(cause)}`, { cause })));
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => failure.message).join('; '));
  }
}

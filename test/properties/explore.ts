import fc from 'fast-check';
import type { Settings } from './own-thread';

/** One run: the numbers that decide its steps, how many signing keys share the queue, how many blocks are lost at its end. */
export type Run = (choices: readonly number[], keyCount: number, lastBlocks: number) => Promise<void>;

const STACK_OF_A_REPORT = 30;

/** Plays as many runs as were asked for. A run that fails is made smaller, and its report says how it went and where it broke. */
export async function explore(run: Run, { runs, seed }: Settings): Promise<void> {
  const choices = fc.array(fc.nat(2 ** 31 - 1), { minLength: 20, maxLength: 60, size: 'max' });
  const property = fc.asyncProperty(choices, fc.integer({ min: 1, max: 2 }), fc.integer({ min: -4, max: 4 }), run);
  Error.stackTraceLimit = 0; // broken connections and dying processes are everyday here, and stacks are dear
  const details = await fc.check(property, { numRuns: runs, seed });
  if (!details.failed) return;
  Error.stackTraceLimit = STACK_OF_A_REPORT;
  const report = fc.defaultReportMessage(details);
  if (details.counterexample === null) throw new Error(report);
  const cause = await run(...details.counterexample).then(
    () => details.errorInstance, // it does not fail twice in the same way, which the report has to say too
    (error: unknown) => error,
  );
  throw new Error(report, { cause });
}

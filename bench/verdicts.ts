import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '@tollbox/devstack/paths';
import { describeMachine, loadAverage } from './machine';
import { table } from './report';

/** One promise and what was measured. */
export interface Verdict {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** `ours` is at most this. */
  readonly limit: number;
}

const isMet = ({ ours, limit }: Verdict): boolean => ours <= limit;
const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(1));

export function verdictTable(verdicts: readonly Verdict[]): string {
  return table(
    [
      ['', 'unit', 'ours', 'limit', 'ours / limit', 'met'],
      ...verdicts.map((verdict) => [
        ...[verdict.what, verdict.unit, number(verdict.ours), String(verdict.limit)],
        ...[verdict.limit === 0 ? '' : (verdict.ours / verdict.limit).toFixed(2), isMet(verdict) ? 'yes' : 'NO'],
      ]),
    ],
    2,
  );
}

/** Measures, prints the verdicts and writes everything as JSON to `.tollbox/bench`. */
export async function runSuite<Plan, Findings>(suite: {
  readonly name: string;
  readonly plan: Plan;
  measure(plan: Plan, say: (line: string) => void): Promise<Findings>;
  verdicts(findings: Findings, plan: Plan): readonly Verdict[];
}): Promise<void> {
  const say = (line: string): void => console.log(line);
  const startedAt = new Date();
  const [machine, loadBefore] = [await describeMachine(), loadAverage()];
  say(`Tollbox bench (${suite.name})`);
  const findings = await suite.measure(suite.plan, say);
  const loadAfter = loadAverage();
  say(`\ncommit ${machine.commit ?? 'unknown'}, ${machine.cores} × ${machine.cpu}, Node ${machine.node}`);
  say(`load average ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after\n`);
  const verdicts = suite.verdicts(findings, suite.plan);
  say(`${verdictTable(verdicts)}\n\n${verdicts.filter(isMet).length} of ${verdicts.length} limits are met`);
  const directory = path.join(stateDirectory(), 'bench');
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, `${suite.name}-${startedAt.toISOString().replaceAll(':', '-')}.json`);
  const content = { startedAt, plan: suite.plan, machine, loadBefore, loadAfter, verdicts, findings };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  say(`written to ${path.relative(process.cwd(), file)}. ${((Date.now() - startedAt.getTime()) / 1_000).toFixed(0)} s`);
}

/** Runs a suite as a program. */
export function runProgram(program: () => Promise<void>): void {
  program().catch((error: unknown) => {
    console.error(`\nThe benchmark failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  });
}

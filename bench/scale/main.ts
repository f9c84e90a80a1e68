import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '@tollbox/devstack/paths';
import { describeMachine, loadAverage } from '../machine';
import { planFrom, USAGE } from './options';
import { report, verdictsOf } from './report';
import { measureAll } from './run';

const say = (line: string): void => console.log(line);

async function main(): Promise<void> {
  const plan = planFrom(process.argv.slice(2));
  const startedAt = new Date();
  const [machine, loadBefore] = [await describeMachine(), loadAverage()];
  say(`Tollbox bench (scale, ${plan.payments} payments)`);
  const findings = await measureAll(plan, say);
  const loadAfter = loadAverage();
  say(`\ncommit ${machine.commit ?? 'unknown'}, ${machine.cores} × ${machine.cpu}, Node ${machine.node}`);
  say(`load average ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after`);
  for (const line of report(findings)) say(line);
  const directory = path.join(stateDirectory(), 'bench');
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, `scale-${plan.payments}-${startedAt.toISOString().replaceAll(':', '-')}.json`);
  const content = { startedAt, machine, loadBefore, loadAfter, verdicts: verdictsOf(findings), findings };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  say(`\nwritten to ${path.relative(process.cwd(), file)}. ${((Date.now() - startedAt.getTime()) / 1_000).toFixed(0)} s`);
}

main().catch((error: unknown) => {
  const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  console.error(
    isUsage ? `${error.message}\n${USAGE}` : `\nThe benchmark failed: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
});

import { parseArgs } from 'node:util';
import { runProgram, runSuite, type Verdict } from '../verdicts';
import { measurePool, type Findings, type Plan } from './run';

const USAGE = 'npm run bench -- pool [--sample 100]';
const P50_LIMIT_MS = 50;
const P99_LIMIT_MS = 150;

function planFrom(args: readonly string[]): Plan {
  const { values } = parseArgs({ args: [...args], options: { sample: { type: 'string', default: '100' } } });
  const sample = Number(values.sample);
  if (!Number.isInteger(sample) || sample < 1) throw new Error(`--sample is a whole number from 1 on\n${USAGE}`);
  return { sample };
}

const verdicts = ({ pooled, fromPool }: Findings, { sample }: Plan): Verdict[] => [
  { what: 'paid create from the pool, p50', unit: 'ms', ours: pooled.p50Ms, limit: P50_LIMIT_MS },
  { what: 'paid create from the pool, p99', unit: 'ms', ours: pooled.p99Ms, limit: P99_LIMIT_MS },
  { what: 'creates that did not come from the pool', unit: '', ours: sample - fromPool, limit: 0 },
];

runProgram(() => runSuite({ name: 'pool', plan: planFrom(process.argv.slice(2)), measure: measurePool, verdicts }));

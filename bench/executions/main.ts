import { parseArgs } from 'node:util';
import { runProgram, runSuite, type Verdict } from '../verdicts';
import { measureExecutions, type Findings, type Plan } from './run';

const USAGE = 'npm run bench -- executions [--rows 1000000] [--times 200]';
const HISTORY_LIMIT_MS = 50;

function planFrom(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: { rows: { type: 'string', default: '1000000' }, times: { type: 'string', default: '200' } },
  });
  const [rows, times] = [Number(values.rows), Number(values.times)];
  if (![rows, times].every((value) => Number.isInteger(value) && value >= 100))
    throw new Error(`whole numbers from 100 on\n${USAGE}`);
  return { rows, times };
}

const verdicts = ({ history, partitionsRead, scans }: Findings): Verdict[] => [
  { what: 'history of a sandbox, p50', unit: 'ms', ours: history.p50Ms, limit: HISTORY_LIMIT_MS },
  { what: 'history of a sandbox, p99', unit: 'ms', ours: history.p99Ms, limit: HISTORY_LIMIT_MS },
  { what: 'months that one history reads', unit: '', ours: partitionsRead, limit: 2 },
  { what: 'scans of a whole month in its plan', unit: '', ours: scans, limit: 0 },
];

runProgram(() => runSuite({ name: 'executions', plan: planFrom(process.argv.slice(2)), measure: measureExecutions, verdicts }));

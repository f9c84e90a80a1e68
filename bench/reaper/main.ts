import { runProgram, runSuite, type Verdict } from '../verdicts';
import { planFrom, type Plan } from './options';
import { measureReaper, type Findings } from './run';

const TICK_LIMIT_MS = 1_000;
const GONE_LIMIT_MS = 2_000;

function verdicts(findings: Findings, plan: Plan): Verdict[] {
  return [
    { what: 'longest tick', unit: 'ms', ours: findings.longestTickMs, limit: TICK_LIMIT_MS },
    { what: 'gone after the deadline, p99', unit: 'ms', ours: findings.p99AfterDeadlineMs, limit: GONE_LIMIT_MS },
    {
      what: 'gone after the deadline, p99 of the worst wallet',
      unit: 'ms',
      ours: findings.worstOwnerP99Ms,
      limit: GONE_LIMIT_MS,
    },
    { what: 'sandboxes that were not ended', unit: '', ours: plan.rows - findings.ended + findings.left, limit: 0 },
    { what: 'terminates beyond one for each sandbox', unit: '', ours: findings.terminations - plan.rows, limit: 0 },
    { what: 'scans of the whole table', unit: '', ours: findings.tableScans, limit: 0 },
  ];
}

runProgram(() => runSuite({ name: 'reaper', plan: planFrom(process.argv.slice(2)), measure: measureReaper, verdicts }));

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '@tollbox/devstack/paths';
import { describeMachine, loadAverage } from '../machine';
import { chooseLayout, type Layout } from './cores';
import { measureGas } from './gas';
import { type Contest, earlyShare, Ledgered, measureFree, measureLatency, measurePaid, measureUnpaid, warmUp } from './measure';
import { planFrom, USAGE, type Plan } from './options';
import type { MoneyCheck } from './money';
import { moneyLines, processTable, reconciliationLine, verdictsOf, verdictTable, type Findings, type Verdict } from './report';
import { reconcileReal } from './reconcile';
import { World } from './world';

/** The caps may hold a few calls back; a scenario in which they hold back more is another scenario. */
const MIN_EARLY_SHARE = 0.5;

const say = (line: string): void => console.log(line);

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  say(`  ${name}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  return result;
}

const perSecond = ({ ours, peer }: Contest): string =>
  `    ours ${ours.perSecond.toFixed(0)}/s, ${ours.cpuMsPerCall.toFixed(2)} ms CPU; official ${peer.perSecond.toFixed(0)}/s, ${peer.cpuMsPerCall.toFixed(2)} ms CPU`;

async function contest(name: string, work: () => Promise<Contest>): Promise<Contest> {
  const result = await timed(name, work);
  say(perSecond(result));
  return result;
}

const half = ({ plan }: World, perSecond: number) => ({ perSecond: perSecond / 2, forMs: plan.latencyMs });

type Confirmed = Pick<Findings, 'unpaid' | 'confirm'> & { readonly half: Pick<Findings['half'], 'confirm' | 'peer'> };
type Early = Pick<Findings, 'optimistic' | 'gas' | 'blockTime' | 'reconciliation'> & {
  readonly half: Pick<Findings['half'], 'optimistic'>;
};

async function measureConfirmed(world: World, money: Ledgered): Promise<Confirmed> {
  const peer = await timed('the official server', () => world.startPeer());
  const ours = await world.startOurs('confirm');
  await timed('warm-up', () => warmUp(world, money, [ours, peer]));
  const unpaid = await contest('unpaid', () => measureUnpaid(world, [ours, peer]));
  const confirm = await contest('confirm', () => measurePaid(world, money, 'confirm', [ours, peer]));
  const halfOurs = await timed('confirm at half of the peak', () =>
    measureLatency(world, money, 'confirm, half', ours, half(world, confirm.ours.perSecond)),
  );
  const halfPeer = await timed('the official server at half of its peak', () =>
    measureLatency(world, money, 'half', peer, half(world, confirm.peer.perSecond)),
  );
  return { unpaid, confirm, half: { confirm: halfOurs, peer: halfPeer } };
}

async function measureEarly(world: World, money: Ledgered): Promise<Early> {
  const { blockTime: slow } = world.plan;
  const peer = await timed('the official server', () => world.startPeer());
  const ours = await world.startOurs('optimistic');
  await timed('warm-up', () => warmUp(world, money, [ours, peer]));
  const since = new Date();
  const optimistic = await contest('optimistic', () => measurePaid(world, money, 'optimistic', [ours, peer]));
  const early = await earlyShare(world, since);
  say(`    answered before settlement: ${(early * 100).toFixed(1)} %`);
  if (early < MIN_EARLY_SHARE) throw new Error('the optimistic scenario was answered after settlement');
  const halfOurs = await timed('optimistic at half of the peak', () =>
    measureLatency(world, money, 'optimistic, half', ours, half(world, optimistic.ours.perSecond)),
  );
  const gas = await timed('gas', () => measureGas(world, money, ours));

  await world.chain.setBlockTime(slow.seconds);
  const blockTime = await timed(`${slow.seconds} s blocks`, async () => ({
    seconds: slow.seconds,
    free: await measureFree(world, ours, slow),
    paid: await measureLatency(world, money, 'slow blocks', ours, slow),
    peerFree: await measureFree(world, peer, slow),
    peer: await measureLatency(world, money, 'slow blocks', peer, slow),
  }));
  await world.chain.setBlockTime(null);
  await world.stopOurs();
  const reconciliation = await timed('reconciliation', () => reconcileReal(world));
  return { optimistic, gas, blockTime, reconciliation, half: { optimistic: halfOurs } };
}

interface Measured<T> {
  readonly findings: T;
  readonly money: readonly MoneyCheck[];
}

/**
 * Measures in a world of its own. A development chain computes the root of its whole state for every block, so what one
 * scenario leaves behind would be paid for by the next one.
 */
async function inWorld<T>(
  plan: Plan,
  layout: Layout | null,
  ending: AbortController,
  measure: (world: World, money: Ledgered) => Promise<T>,
): Promise<Measured<T>> {
  const world = await timed('boot', () => World.open(plan, layout, ending, (line) => say(`  ${line}`)));
  const money = new Ledgered(world);
  try {
    return { findings: await measure(world, money), money: money.checks };
  } catch (error) {
    if (world.logLines.length > 0) console.error(`\nLast lines of the logs:\n${world.logLines.join('\n')}`);
    throw error;
  } finally {
    await timed('stopping', () => world.close());
  }
}

async function run(plan: Plan): Promise<{ findings: Findings; cores: string }> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => ending.abort(new Error(`ended by ${signal}`)));
  const layout = await chooseLayout();
  const cores = layout === null ? 'not bound' : `servers on core ${layout.servers}, everything else on core ${layout.load}`;
  const confirmed = await inWorld(plan, layout, ending, measureConfirmed);
  const early = await inWorld(plan, layout, ending, measureEarly);
  const halves = { ...confirmed.findings.half, ...early.findings.half };
  const money = [...confirmed.money, ...early.money];
  return { findings: { ...confirmed.findings, ...early.findings, half: halves, money }, cores };
}

function write(startedAt: Date, content: object): string {
  const directory = path.join(stateDirectory(), 'bench');
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, `payments-${startedAt.toISOString().replaceAll(':', '-')}.json`);
  const text = JSON.stringify(content, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 2);
  writeFileSync(file, `${text}\n`);
  return path.relative(process.cwd(), file);
}

async function main(): Promise<void> {
  const startedAt = new Date();
  const plan = planFrom(process.argv.slice(2));
  const [machine, loadBefore] = [await describeMachine(), loadAverage()];
  say(`Tollbox payments bench (${plan.name}), beside @x402/express`);
  const { findings, cores } = await run(plan);
  const verdicts: Verdict[] = verdictsOf(findings);
  say(`\ncommit ${machine.commit ?? 'unknown'}, ${machine.cores} × ${machine.cpu}, Node ${machine.node}; ${cores}`);
  say(`load average ${loadBefore.toFixed(1)} before, ${loadAverage().toFixed(1)} after; ${plan.payers} payers\n`);
  say(
    `${verdictTable(verdicts)}\n\n${processTable(findings)}\n\n${moneyLines(findings.money)}\n${reconciliationLine(findings.reconciliation)}`,
  );
  const file = write(startedAt, { startedAt, plan, machine, cores, loadBefore, loadAfter: loadAverage(), verdicts, findings });
  say(`\nwritten to ${file}; everything is stopped. ${((Date.now() - startedAt.getTime()) / 1_000).toFixed(0)} s`);
}

main().catch((error: unknown) => {
  const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  console.error(
    isUsage ? `${error.message}\n${USAGE}` : `\nThe benchmark failed: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
});

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stateDirectory } from '@tollbox/devstack/paths';
import { describeMachine, loadAverage } from '../machine';
import { chooseLayout, type Layout } from './cores';
import { measureGas } from './gas';
import {
  type Contest,
  contestOf,
  earlyShare,
  Ledgered,
  measureFree,
  measureLatency,
  measurePaid,
  measureUnpaid,
  type Throughput,
  warmUp,
} from './measure';
import { planFrom, USAGE, type Plan } from './options';
import type { MoneyCheck } from './money';
import { moneyLines, processTable, reconciliationLine, verdictsOf, verdictTable, type Findings, type Verdict } from './report';
import { reconcileReal } from './reconcile';
import { type Server, type SettlementPolicy, World } from './world';

/** The caps may hold a few calls back; a scenario in which they hold back more is another scenario. */
const MIN_EARLY_SHARE = 0.5;

const say = (line: string): void => console.log(line);

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  say(`  ${name}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  return result;
}

function tell({ ours, peer }: Contest): void {
  const rate = ({ perSecond, cpuMsPerCall }: Throughput) => `${perSecond.toFixed(0)}/s, ${cpuMsPerCall.toFixed(2)} ms CPU`;
  say(`    ours ${rate(ours)}; official ${rate(peer)}`);
}

/** What every part of a run needs, and what all of them write to. */
interface Setting {
  readonly plan: Plan;
  readonly layout: Layout | null;
  readonly ending: AbortController;
  readonly checks: MoneyCheck[];
}

async function inWorld<T>(setting: Setting, measure: (world: World, money: Ledgered) => Promise<T>): Promise<T> {
  const { plan, layout, ending } = setting;
  const world = await timed('boot', () => World.open(plan, layout, ending, (line) => say(`  ${line}`)));
  const money = new Ledgered(world);
  try {
    const measured = await measure(world, money);
    setting.checks.push(...money.checks);
    return measured;
  } catch (error) {
    if (world.logLines.length > 0) console.error(`\nLast lines of the logs:\n${world.logLines.join('\n')}`);
    throw error;
  } finally {
    await timed('stopping', () => world.close());
  }
}

interface Servers {
  readonly ours: Server;
  readonly peer: Server;
}

/**
 * One block of each server a round, and a new chain for each round: a development chain computes the root of its whole
 * state for every block, so whoever comes second pays for what the first has left. That is us: the official server, which
 * makes a block for each payment, has the empty chain.
 */
async function contest<T>(
  setting: Setting,
  policy: SettlementPolicy,
  inLastWorld: (world: World, money: Ledgered, servers: Servers, result: Contest) => Promise<T>,
): Promise<{ result: Contest; rest: T }> {
  const blocks: Throughput[] = [];
  const round = async (world: World, money: Ledgered): Promise<Servers> => {
    const peer = await world.startPeer();
    await warmUp(world, money, peer);
    blocks.push(await timed(`${policy}, the official server`, () => measurePaid(world, money, policy, peer)));
    const ours = await world.startOurs(policy);
    await warmUp(world, money, ours);
    const since = new Date();
    blocks.push(await timed(policy, () => measurePaid(world, money, policy, ours)));
    if (policy === 'optimistic') await checkEarly(world, since);
    tell(contestOf(blocks.slice(-2)));
    return { ours, peer };
  };
  for (let left = setting.plan.rounds; left > 1; left--) await inWorld(setting, round);
  return inWorld(setting, async (world, money) => {
    const servers = await round(world, money);
    const result = contestOf(blocks);
    return { result, rest: await inLastWorld(world, money, servers, result) };
  });
}

async function checkEarly(world: World, since: Date): Promise<void> {
  const early = await earlyShare(world, since);
  say(`    answered before settlement: ${(early * 100).toFixed(1)} %`);
  if (early < MIN_EARLY_SHARE) throw new Error('the optimistic scenario was answered after settlement');
}

const half = ({ plan }: World, perSecond: number) => ({ perSecond: perSecond / 2, forMs: plan.latencyMs });

async function afterConfirmed(world: World, money: Ledgered, { ours, peer }: Servers, result: Contest) {
  const unpaid = await timed('unpaid', () => measureUnpaid(world, [ours, peer]));
  tell(unpaid);
  const halfOurs = await timed('confirm at half of the peak', () =>
    measureLatency(world, money, 'confirm, half', ours, half(world, result.ours.perSecond)),
  );
  const halfPeer = await timed('the official server at half of its peak', () =>
    measureLatency(world, money, 'half', peer, half(world, result.peer.perSecond)),
  );
  return { unpaid, half: { confirm: halfOurs, peer: halfPeer } };
}

async function afterEarly(world: World, money: Ledgered, { ours, peer }: Servers, result: Contest) {
  const { blockTime: slow } = world.plan;
  const halfOurs = await timed('optimistic at half of the peak', () =>
    measureLatency(world, money, 'optimistic, half', ours, half(world, result.ours.perSecond)),
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
  return { gas, blockTime, reconciliation, half: { optimistic: halfOurs } };
}

async function run(plan: Plan): Promise<{ findings: Findings; cores: string }> {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => ending.abort(new Error(`ended by ${signal}`)));
  const layout = await chooseLayout();
  const cores = layout === null ? 'not bound' : `servers on core ${layout.servers}, everything else on core ${layout.load}`;
  const setting: Setting = { plan, layout, ending, checks: [] };
  const confirmed = await contest(setting, 'confirm', afterConfirmed);
  const early = await contest(setting, 'optimistic', afterEarly);
  const contests = { confirm: confirmed.result, optimistic: early.result };
  const halves = { ...confirmed.rest.half, ...early.rest.half };
  return { findings: { ...confirmed.rest, ...early.rest, ...contests, half: halves, money: setting.checks }, cores };
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

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { formatLogLine } from '@tollbox/devstack/log-format';
import { projectRoot } from '@tollbox/devstack/paths';
import { bootStack, type Stack } from '@tollbox/devstack/stack';
import type { Measurement } from './contest';
import { describeMachine, loadAverage, type Machine } from './machine';
import { checkMoney, type MoneyCheck } from './money';
import { fitToIsolation, planFrom, USAGE, type Plan } from './options';
import { cpuTable, measurementTable, moneyLine, ratiosOf, ratioTable } from './report';
import { measureCreate } from './scenarios/create';
import { COMMANDS, measureExec } from './scenarios/exec';
import { measureStatus } from './scenarios/status';
import { measureStream, type StreamFigures } from './scenarios/stream';
import { measureUnpaid } from './scenarios/unpaid';
import { warmUp } from './scenarios/warm-up';
import { limitTable, sandboxLimits } from './sandbox-limits';
import { closeWorld, openWorld, type World } from './world';

const KEPT_LOG_LINES = 40;
/** What the benchmark takes over from its surroundings. Nothing that names a database, a chain, an account or a price. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'XDG_RUNTIME_DIR'];

const CAVEAT = `Times are of this machine in this moment; the load generator, PostgreSQL, the chain and the engine share its cores.
What means something are the ratios to the raw engine, measured in turns within the run: its own exec, inspect and
create + start through dockerode, without HTTP, payment or records. The exec peer runs in the same sandboxes.
"provider" is Tollbox's container provider alone. With fewer than 100 calls, p99 is the slowest one.`;

const say = (line: string): void => console.log(line);

interface Outcome {
  readonly stack: Stack;
  readonly plan: Plan;
  readonly sandboxes: number;
  readonly measurements: readonly Measurement[];
  readonly stream: StreamFigures;
  readonly money: MoneyCheck;
}

function ownEnvironment(): NodeJS.ProcessEnv {
  const passed = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]));
  return { ...passed, PORT: '0', LOG_LEVEL: 'warn', REQUESTS_PER_MINUTE_PER_IP: '10000000' };
}

/** A container engine elsewhere is not loaded: then a local one is looked for. */
function forgetRemoteEngine(): void {
  const dockerHost = process.env['DOCKER_HOST'];
  if (dockerHost === undefined || /^(unix:|\w+:\/\/(127\.|localhost[:/]|\[::1\]))/.test(dockerHost)) return;
  say(`  DOCKER_HOST ${dockerHost} is not on this machine; looking for an engine that is`);
  delete process.env['DOCKER_HOST'];
}

/** Aborts at the first signal that asks this process to end. */
function abortOnSignal(ending: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => ending.abort(new Error(`ended by ${signal}`)));
}

async function timed<T>(name: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  say(`  ${name}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  return result;
}

async function measureAll(world: World): Promise<Measurement[]> {
  const { plan } = world;
  await timed('warm-up', () => warmUp(world));
  const measurements = [
    ...(await timed('create', () => measureCreate(world))),
    ...(await timed('402 on create', () => measureUnpaid(world))),
    ...(await timed('status', () => measureStatus(world, [plan.statusLatency, plan.statusThroughput]))),
  ];
  for (const command of COMMANDS)
    measurements.push(...(await timed(command.name, () => measureExec(world, command, [plan.execLatency, plan.execThroughput]))));
  return measurements;
}

async function measureOn(stack: Stack, asked: Plan, signal: AbortSignal): Promise<Outcome> {
  const plan = fitToIsolation(asked, stack.isolation);
  const world = await timed('wallets', () => openWorld(stack, plan, signal));
  try {
    const measurements = await measureAll(world);
    const stream = await timed('stream', () => measureStream(world));
    return { stack, plan, sandboxes: world.sandboxes.length, measurements, stream, money: await checkMoney(world) };
  } finally {
    await closeWorld(world);
  }
}

function writeResults(outcome: Outcome, machine: Machine, loads: readonly [number, number], startedAt: Date): string {
  const directory = path.join(projectRoot(), 'bench', 'results');
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, `${startedAt.toISOString().replaceAll(':', '-')}.json`);
  const { measurements, money, plan, stack } = outcome;
  const results = {
    startedAt,
    plan,
    machine,
    loadAverage: { before: loads[0], after: loads[1] },
    isolation: stack.isolation,
    payers: outcome.sandboxes,
    measurements,
    ratios: ratiosOf(measurements),
    stream: outcome.stream,
    sandboxLimits: sandboxLimits(measurements, outcome.stream),
    money,
  };
  const text = JSON.stringify(results, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 2);
  writeFileSync(file, `${text}\n`);
  return path.relative(process.cwd(), file);
}

function report(outcome: Outcome, machine: Machine, loads: readonly [number, number]): void {
  const { measurements, money, plan, stack } = outcome;
  say(`\n${plan.name} run, commit ${machine.commit ?? 'unknown'}, ${machine.cores} × ${machine.cpu}, Node ${machine.node}`);
  say(
    `${outcome.sandboxes} payers with a sandbox each, isolation ${stack.isolation ?? 'unknown'}; every payment settled before its answer (confirm)`,
  );
  say(`load average ${loads[0].toFixed(1)} before, ${loads[1].toFixed(1)} after\n`);
  say(`${measurementTable(measurements)}\n`);
  say(`${ratioTable(ratiosOf(measurements))}\n`);
  say(`${limitTable(sandboxLimits(measurements, outcome.stream))}\n`);
  const cpu = cpuTable(measurements);
  if (cpu !== null) say(`${cpu}\n`);
  say(`${moneyLine(money)}\n`);
  say(CAVEAT);
}

/** Boots, measures and stops. Throws what went wrong first. */
async function run(plan: Plan, logLines: string[]): Promise<Outcome> {
  const ending = new AbortController();
  abortOnSignal(ending);
  const boot = () =>
    bootStack({
      kind: 'bench',
      given: ownEnvironment(),
      log: (line) => say(`  ${line}`),
      onLine: (name, line) => {
        const text = formatLogLine(name, line);
        if (text !== null) logLines.push(text);
        if (logLines.length > KEPT_LOG_LINES) logLines.shift();
      },
      onFatal: (error) => ending.abort(error),
    });
  const stack = await timed('boot', boot);
  const { gatewayPid, workerPid } = stack;
  try {
    // Stopped only when no call is under way any more: one that creates a container would leave it behind.
    const outcome = await measureOn(stack, plan, ending.signal);
    if (stack.gatewayPid !== gatewayPid || stack.workerPid !== workerPid) throw new Error('a process crashed under the load');
    return outcome;
  } finally {
    await timed('stopping', () => stack.stop());
  }
}

async function main(): Promise<void> {
  const startedAt = new Date();
  const plan = planFrom(process.argv.slice(2));
  const machine = await describeMachine();
  const loadBefore = loadAverage();
  const logLines: string[] = [];
  say(`Tollbox bench (${plan.name})`);
  forgetRemoteEngine();
  try {
    const outcome = await run(plan, logLines);
    const loads = [loadBefore, loadAverage()] as const;
    report(outcome, machine, loads);
    const seconds = ((Date.now() - startedAt.getTime()) / 1_000).toFixed(0);
    say(`\nwritten to ${writeResults(outcome, machine, loads, startedAt)}; everything is stopped. ${seconds} s`);
  } catch (error) {
    if (logLines.length > 0) console.error(`\nLast lines of the logs:\n${logLines.join('\n')}`);
    throw error;
  }
}

main().catch((error: unknown) => {
  const isUsage = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  console.error(
    isUsage ? `${error.message}\n${USAGE}` : `\nThe benchmark failed: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
});

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Engine, startOwnEngine } from '@tollbox/devstack/engine';
import { ensureGvisor } from '@tollbox/devstack/gvisor';
import { ensureSandboxImage } from '@tollbox/devstack/image';
import { projectRoot } from '@tollbox/devstack/paths';
import { Run } from '@tollbox/devstack/run-record';
import { describeMachine, loadAverage } from '../machine';
import { summarize } from '../stats';
import { type Figure, figureTable } from './report';
import { Subject } from './subject';

const PYTHON = ['python3', '-c', 'print(1)'];
const IDLE_WATCH_MS = 5_000;
const MIB = 1024 * 1024;
/** Calls that a guest kernel makes dear, each as the mean of many in one process. */
const SYSTEM_CALLS = `
import json, os, subprocess, time
def mean(count, scale, call):
    start = time.perf_counter()
    for number in range(count): call(number)
    return (time.perf_counter() - start) / count * scale
def touch(number):
    with open(f'/tmp/file-{number}', 'w') as file: file.write('x' * 1000)
open('/tmp/one', 'w').close()
print(json.dumps({
  'getppid, µs': mean(20000, 1e6, lambda _: os.getppid()),
  'open and close, µs': mean(3000, 1e6, lambda _: os.close(os.open('/tmp/one', os.O_RDONLY))),
  'stat, µs': mean(3000, 1e6, lambda _: os.stat('/tmp/one')),
  'write a new file of 1 kB, µs': mean(500, 1e6, touch),
  'start a process from python, ms': mean(20, 1e3, lambda _: subprocess.run(['true'])),
  'computing in python, ms': mean(3, 1e3, lambda _: sum(n * n for n in range(1000000))),
}))`;
const VENV = ['sh', '-c', 'rm -rf /tmp/venv && python3 -m venv /tmp/venv'];

const say = (line: string): void => console.log(line);

async function timeMs(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** The subjects in turns, so that what else happens on the machine meets all of them. */
async function inTurns(subjects: readonly Subject[], times: number, work: (subject: Subject) => Promise<unknown>) {
  const taken = new Map<Subject, number[]>(subjects.map((subject) => [subject, []]));
  for (let round = 0; round < times; round++) {
    for (const subject of subjects) taken.get(subject)?.push(await timeMs(() => work(subject)));
  }
  return subjects.map((subject) => summarize(taken.get(subject) ?? []).p50Ms);
}

const first = (subject: Subject) => subject.sandboxes[0]!;

async function measureIdle(subjects: readonly Subject[], sandboxes: number, samples: number): Promise<Figure[]> {
  const memory: number[] = [];
  const cpu: number[] = [];
  const exec: number[] = [];
  const fill: number[] = [];
  for (const subject of subjects) {
    const fillMs = await timeMs(async () => {
      while (subject.sandboxes.length < sandboxes) await subject.create();
    });
    fill.push((sandboxes - 1) / (fillMs / 1_000));
    const before = await Promise.all(subject.sandboxes.map((handle) => subject.usage(handle)));
    await pause(IDLE_WATCH_MS);
    const after = await Promise.all(subject.sandboxes.map((handle) => subject.usage(handle)));
    // The first one has worked already: what it holds is not what an idle one costs.
    memory.push(after.slice(1).reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) / (sandboxes - 1) / MIB);
    const usedNs = after.reduce((sum, { cpuNs }, index) => sum + cpuNs - (before[index]?.cpuNs ?? 0), 0);
    cpu.push((usedNs / 1e6 / IDLE_WATCH_MS / sandboxes) * 100);
    const [p50Ms = Number.NaN] = await inTurns([subject], samples, (one) => one.exec(first(one), PYTHON));
    exec.push(p50Ms);
    await subject.removeAll();
  }
  return [
    { name: `creates per second, one after another`, values: fill },
    { name: `memory of an idle sandbox, MiB`, values: memory },
    { name: `CPU of an idle sandbox, % of a core`, values: cpu },
    { name: `exec of python among ${sandboxes} idle sandboxes, ms`, values: exec },
  ];
}

async function measure(subjects: readonly Subject[], samples: number, sandboxes: number): Promise<Figure[]> {
  for (const subject of subjects) await subject.create(); // the first one of an image is checked as well
  for (const subject of subjects) await subject.removeAll();
  const figures: Figure[] = [
    { name: 'create, ms', values: await inTurns(subjects, samples, (subject) => subject.create()) },
    { name: 'exec of true, ms', values: await inTurns(subjects, samples, (subject) => subject.exec(first(subject), ['true'])) },
    { name: 'exec of python, ms', values: await inTurns(subjects, samples, (subject) => subject.exec(first(subject), PYTHON)) },
  ];
  const calls: Record<string, number>[] = [];
  for (const subject of subjects)
    calls.push(JSON.parse(await subject.exec(first(subject), ['python3', '-c', SYSTEM_CALLS])) as Record<string, number>);
  for (const name of Object.keys(calls[0] ?? {})) figures.push({ name, values: calls.map((one) => one[name] ?? Number.NaN) });
  figures.push({
    name: 'python -m venv, ms',
    values: await inTurns(subjects, 1, (subject) => subject.exec(first(subject), VENV)),
  });
  for (const subject of subjects) await subject.removeAll();
  return [...figures, ...(await measureIdle(subjects, sandboxes, samples))];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { samples: { type: 'string', default: '15' }, sandboxes: { type: 'string', default: '20' } },
  });
  const run = Run.open('bench');
  const opened: Subject[] = [];
  const engines: Engine[] = [];
  try {
    const release = await ensureGvisor(say);
    for (const [name, runtime] of [
      ['runc', 'runc'],
      [release, 'runsc'],
    ] as const) {
      const engine = await startOwnEngine(run, say, runtime);
      engines.push(engine);
      const references = await ensureSandboxImage(engine, run, say);
      opened.push(await Subject.open(name, engine, references.split('=')[1] ?? '', run.id));
    }
    const loadBefore = loadAverage();
    const figures = await measure(opened, Number(values.samples), Number(values.sandboxes));
    const names = opened.map(({ name, isolation }) => `${name} (${isolation})`);
    say(`\n${figureTable(names, figures)}\n`);
    const machine = await describeMachine();
    say(
      `${machine.system}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}, commit ${machine.commit ?? 'unknown'}; load average ${loadBefore.toFixed(1)} before, ${loadAverage().toFixed(1)} after. Medians of ${values.samples}.`,
    );
    const directory = path.join(projectRoot(), 'bench', 'results');
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, 'isolation.json'), `${JSON.stringify({ machine, names, figures }, null, 2)}\n`);
  } finally {
    for (const subject of opened) await subject.close();
    for (const engine of engines) await engine.stop();
    run.close();
  }
}

main().catch((error: unknown) => {
  console.error(`The benchmark failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { processStartTime } from './processes';
import { clearDeadRun, deadRuns, forgetRun, listRuns, Run, RunRecord } from './run-record';

describe('the record of a run', () => {
  let state: string;
  const before = process.env['TOLLBOX_STATE_DIRECTORY'];
  const sleepers: ReturnType<typeof spawn>[] = [];

  const sleeper = () => {
    const child = spawn('sleep', ['300'], { stdio: 'ignore', detached: true });
    sleepers.push(child);
    return child.pid!;
  };
  /** Rewrites the only record as if its supervisor had been another process. */
  const rewrite = (change: (record: RunRecord) => RunRecord) => {
    const [file = ''] = readdirSync(path.join(state, 'runs'));
    const full = path.join(state, 'runs', file);
    writeFileSync(full, JSON.stringify(change(JSON.parse(readFileSync(full, 'utf8')) as RunRecord)));
  };
  const withDeadSupervisor = (record: RunRecord): RunRecord => ({
    ...record,
    supervisor: { ...record.supervisor, startTime: '1' },
  });

  beforeEach(() => {
    state = mkdtempSync(path.join(os.tmpdir(), 'tollbox-record-spec-'));
    process.env['TOLLBOX_STATE_DIRECTORY'] = state;
  });
  afterEach(() => {
    for (const record of listRuns()) rmSync(record.directory, { recursive: true, force: true });
    for (const child of sleepers.splice(0)) child.kill('SIGKILL');
    rmSync(state, { recursive: true });
    if (before === undefined) delete process.env['TOLLBOX_STATE_DIRECTORY'];
    else process.env['TOLLBOX_STATE_DIRECTORY'] = before;
  });

  it('is for its owner only, and goes with the run', () => {
    const run = Run.open('test');
    const [file = ''] = readdirSync(path.join(state, 'runs'));
    expect(statSync(path.join(state, 'runs', file)).mode & 0o777).toBe(0o600);
    expect(existsSync(run.directory)).toBe(true);
    expect(deadRuns()).toEqual([]);
    run.close();
    expect(existsSync(run.directory)).toBe(false);
    expect(listRuns()).toEqual([]);
  });

  it('lets a later run end the children and remove the directory of a dead one', async () => {
    const run = Run.open('test');
    const pid = sleeper();
    run.addChild('sleeper', pid);
    rewrite(withDeadSupervisor);
    const [record] = deadRuns();
    await clearDeadRun(record!);
    expect(processStartTime(pid)).toBeNull();
    expect(existsSync(run.directory)).toBe(false);
    forgetRun(record!);
    expect(listRuns()).toEqual([]);
  });

  it('never ends a process that merely has the pid of a former child', async () => {
    const run = Run.open('test');
    const pid = sleeper();
    run.addChild('sleeper', pid);
    rewrite((record) => ({
      ...withDeadSupervisor(record),
      children: record.children.map((child) => ({ ...child, startTime: String(Number(child.startTime) - 1) })),
    }));
    await clearDeadRun(deadRuns()[0]!);
    expect(processStartTime(pid)).not.toBeNull();
  });

  it('never removes a directory that was not made for a run', async () => {
    const precious = mkdtempSync(path.join(os.tmpdir(), 'precious-'));
    const run = Run.open('test');
    rewrite((record) => ({ ...withDeadSupervisor(record), directory: precious }));
    await clearDeadRun(deadRuns()[0]!);
    expect(existsSync(precious)).toBe(true);
    rmSync(precious, { recursive: true });
    rmSync(run.directory, { recursive: true });
  });
});

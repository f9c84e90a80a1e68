import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { unmountBelow } from './mounts';
import { createRunDirectory, stateDirectory } from './paths';
import { delay, processStartTime, signalGroup } from './processes';

const END_GRACE_MS = 5_000;

/** A process named for good: a pid alone may belong to somebody else by now. */
export interface RecordedProcess {
  readonly name: string;
  readonly pid: number;
  readonly startTime: string;
}

export type RunKind = 'start' | 'demo' | 'test' | 'bench' | 'setup';

/** What one run of this clone made, written down before it is needed, so that a later run can clear it away. */
export interface RunRecord {
  readonly id: string;
  readonly kind: RunKind;
  readonly supervisor: RecordedProcess;
  readonly directory: string;
  readonly children: readonly RecordedProcess[];
  /** Containers with the label `tollbox.installation=<id>` on this engine are the run's. */
  readonly installations: readonly { readonly id: string; readonly dockerHost: string }[];
  /** The run uses the clone's own container engine, which the last such run stops. */
  readonly usesOwnEngine: boolean;
}

const runsDirectory = (): string => path.join(stateDirectory(), 'runs');
const fileOf = (id: string): string => path.join(runsDirectory(), `${id}.json`);

/** Writes a file whole and readable by its owner only: a reader sees the old or the new content, never a part. */
export function writeAtomically(file: string, content: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const unfinished = `${file}.${randomUUID()}`;
  writeFileSync(unfinished, content, { mode: 0o600 });
  renameSync(unfinished, file);
}

export function isAlive(process: RecordedProcess): boolean {
  return processStartTime(process.pid) === process.startTime;
}

function identify(name: string, pid: number): RecordedProcess {
  const startTime = processStartTime(pid);
  if (startTime === null) throw new Error(`${name} (pid ${pid}) has already ended`);
  return { name, pid, startTime };
}

/** The records of all runs of this clone, of living supervisors and of dead ones. */
export function listRuns(): RunRecord[] {
  if (!existsSync(runsDirectory())) return [];
  const records: RunRecord[] = [];
  for (const file of readdirSync(runsDirectory())) {
    if (!file.endsWith('.json')) continue;
    try {
      records.push(JSON.parse(readFileSync(path.join(runsDirectory(), file), 'utf8')) as RunRecord);
    } catch (error) {
      if (existsSync(path.join(runsDirectory(), file))) throw error;
      // its run ended between the listing and the reading
    }
  }
  return records;
}

/** The record of this run; every change is on disk when the method returns. */
export class Run {
  private constructor(private record: RunRecord) {}

  /** Opens a record with a fresh temporary directory. */
  static open(kind: RunKind): Run {
    const supervisor = identify('supervisor', process.pid);
    const directory = createRunDirectory(kind);
    const run = new Run({ id: randomUUID(), kind, supervisor, directory, children: [], installations: [], usesOwnEngine: false });
    run.save();
    return run;
  }

  get id(): string {
    return this.record.id;
  }

  /** Temporary directory of the run; removed by close(). */
  get directory(): string {
    return this.record.directory;
  }

  addChild(name: string, pid: number): void {
    this.change({ children: [...this.record.children, identify(name, pid)] });
  }

  addInstallation(id: string, dockerHost: string): void {
    this.change({ installations: [...this.record.installations, { id, dockerHost }] });
  }

  setUsesOwnEngine(usesOwnEngine: boolean): void {
    this.change({ usesOwnEngine });
  }

  /** Removes the directory and the record; the caller has ended its children and containers. */
  close(): void {
    rmSync(this.record.directory, { recursive: true, force: true });
    rmSync(fileOf(this.record.id), { force: true });
  }

  private change(change: Partial<RunRecord>): void {
    this.record = { ...this.record, ...change };
    this.save();
  }

  private save(): void {
    writeAtomically(fileOf(this.record.id), JSON.stringify(this.record, null, 2));
  }
}

/** Runs whose supervisor is gone without having cleaned up. */
export function deadRuns(): RunRecord[] {
  return listRuns().filter((record) => !isAlive(record.supervisor));
}

async function endRecorded(recorded: RecordedProcess): Promise<void> {
  // A server ends its own children on SIGINT (PostgreSQL: fast shutdown), which SIGKILL would leave behind.
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    if (!isAlive(recorded)) return;
    if (signal === 'SIGKILL') signalGroup(recorded.pid, signal);
    else process.kill(recorded.pid, signal);
    const deadline = Date.now() + END_GRACE_MS;
    while (isAlive(recorded) && Date.now() < deadline) await delay(25);
  }
  if (isAlive(recorded)) throw new Error(`${recorded.name} (pid ${recorded.pid}) of an earlier run does not end`);
}

/** Ends the processes of a dead run and removes its directory. Only what the record names is touched, and only while pid and start time fit. */
export async function clearDeadRun(record: RunRecord): Promise<void> {
  for (const child of [...record.children].reverse()) await endRecorded(child);
  if (!path.basename(record.directory).startsWith('tollbox-')) return;
  if (process.platform === 'linux') await unmountBelow([record.directory]); // an image that was being built has /dev and /proc in it
  rmSync(record.directory, { recursive: true, force: true });
}

/** Forgets a dead run after its processes, directory and containers are gone. */
export function forgetRun(record: RunRecord): void {
  rmSync(fileOf(record.id), { force: true });
}

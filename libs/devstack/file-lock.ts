import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { errorCode } from './error-code';
import { delay, processStartTime } from './processes';

const POLL_MS = 50;

function isHeldByTheDead(file: string): boolean {
  try {
    const [pid, startTime] = readFileSync(file, 'utf8').split(' ');
    return processStartTime(Number(pid)) !== startTime;
  } catch {
    return false; // released this moment; the next attempt takes it
  }
}

function tryTake(file: string): boolean {
  const mine = `${file}.${randomUUID()}`;
  writeFileSync(mine, `${process.pid} ${processStartTime(process.pid) ?? ''}`);
  try {
    linkSync(mine, file); // a link appears with its content, and only when nobody holds the name
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Runs `work` while no other process of this clone holds `file`; a holder that died counts as gone. */
export async function withFileLock<T>(file: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  const deadline = Date.now() + timeoutMs;
  while (!tryTake(file)) {
    if (isHeldByTheDead(file)) rmSync(file, { force: true });
    else if (Date.now() > deadline) throw new Error(`${file} is held by another run for more than ${timeoutMs} ms`);
    else await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

import { setTimeout as sleep } from 'node:timers/promises';

const DEADLINE_MS = 15_000;

/** Waits until it is true; the text says what was waited for. */
export async function eventually(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await sleep(10);
  }
}

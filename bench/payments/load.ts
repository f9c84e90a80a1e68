import { setTimeout as pause } from 'node:timers/promises';
import { Connection, type Answer } from './connection';

export interface LoadResult {
  /** Of the answers that were asked for, in ms. */
  readonly latenciesMs: readonly number[];
  /** Answers with another status, and connections that broke, by what happened. */
  readonly others: Readonly<Record<string, number>>;
  /** From the first start to the last answer. */
  readonly elapsedMs: number;
}

class Tally {
  readonly latenciesMs: number[] = [];
  readonly others: Record<string, number> = {};

  constructor(private readonly expectedStatus: number) {}

  count(answer: Answer, latencyMs: number): void {
    if (answer.status === this.expectedStatus) this.latenciesMs.push(latencyMs);
    else this.other(`${answer.status} ${answer.body.slice(0, 160)}`);
  }

  other(what: string): void {
    this.others[what] = (this.others[what] ?? 0) + 1;
  }
}

export interface LoadOptions {
  readonly url: string;
  readonly expectedStatus: number;
  readonly maxMs: number;
  readonly signal: AbortSignal;
}

const openAll = (url: string, count: number): Promise<Connection[]> =>
  Promise.all(Array.from({ length: count }, () => Connection.open(url)));

/** A closed loop: every caller starts its next request when the one before is answered, until the time or the requests end. */
export async function runClosedLoop(
  requests: readonly Buffer[],
  { callers, ...options }: LoadOptions & { readonly callers: number },
): Promise<LoadResult> {
  const connections = await openAll(options.url, callers);
  const tally = new Tally(options.expectedStatus);
  let next = 0;
  const startedAt = performance.now();
  const call = async (connection: Connection): Promise<void> => {
    while (performance.now() - startedAt < options.maxMs && !options.signal.aborted) {
      const request = requests[next++];
      if (request === undefined) return;
      const sentAt = performance.now();
      tally.count(await connection.send(request), performance.now() - sentAt);
    }
  };
  try {
    await Promise.all(connections.map(call));
    options.signal.throwIfAborted();
    return { latenciesMs: tally.latenciesMs, others: tally.others, elapsedMs: performance.now() - startedAt };
  } finally {
    for (const connection of connections) connection.close();
  }
}

/**
 * An open loop: requests start on schedule whether earlier ones are answered or not, and latency counts from the
 * scheduled start, so that a server that stalls is charged for everything that had to wait.
 */
export async function runOpenLoop(
  requests: readonly Buffer[],
  { perSecond, ...options }: LoadOptions & { readonly perSecond: number },
): Promise<LoadResult> {
  const tally = new Tally(options.expectedStatus);
  const idle: Connection[] = await openAll(options.url, Math.min(64, Math.max(1, requests.length)));
  const all = new Set(idle);
  const gapMs = 1_000 / perSecond;
  const running = new Set<Promise<void>>();
  const take = async (): Promise<Connection> => {
    const free = idle.pop();
    if (free !== undefined) return free;
    const opened = await Connection.open(options.url);
    all.add(opened);
    return opened;
  };
  const call = async (request: Buffer, dueAt: number): Promise<void> => {
    const connection = await take();
    tally.count(await connection.send(request), performance.now() - dueAt);
    idle.push(connection);
  };
  const startedAt = performance.now();
  try {
    for (const [index, request] of requests.entries()) {
      const dueAt = startedAt + index * gapMs;
      if (dueAt - startedAt > options.maxMs || options.signal.aborted) break;
      const waitMs = dueAt - performance.now();
      if (waitMs > 0) await pause(waitMs);
      const started = call(request, dueAt);
      running.add(started);
      void started.then(
        () => running.delete(started),
        () => undefined,
      );
    }
    await Promise.all(running);
    options.signal.throwIfAborted();
    return { latenciesMs: tally.latenciesMs, others: tally.others, elapsedMs: performance.now() - startedAt };
  } finally {
    for (const connection of all) connection.close();
  }
}

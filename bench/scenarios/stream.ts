import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { World } from '../world';

const LINES = 40;
const LINE_PAUSE_S = 0.05;
const TIMEOUT_MS = 60_000;
const MIB = 1024 * 1024;
const STREAMED_MIB = 20;
/** A reader that is slower than the command, so that what is not read yet must wait somewhere. */
const READER_PAUSE_EVERY_BYTES = 256 * 1024;

/** Prints, now and then, what the time was when it wrote the line. */
const CLOCK = `import sys, time
for _ in range(${LINES}):
    sys.stdout.write(f"{time.time() * 1000:.3f}\\n"); sys.stdout.flush(); time.sleep(${LINE_PAUSE_S})`;

export interface StreamFigures {
  /** From the write in the sandbox to the reader, in ms. */
  readonly lineP50Ms: number;
  readonly lineP99Ms: number;
  /** 20 MB to a reader that takes all it can get. */
  readonly streamMs: number;
  readonly rawStreamMs: number;
  /** Most buffers that this process held while a slow reader took 20 MB. */
  readonly heldMiB: number;
}

async function* outputOf(world: World, argv: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = { providerRef: world.sandboxes[0]!.containerId };
  const process = await world.provider.exec(handle, argv, { timeoutMs: TIMEOUT_MS }, world.signal);
  yield* process.stdout;
  const { returncode } = await process.exit;
  if (returncode !== 0) throw new Error(`${argv[0]!} ended with ${returncode}`);
}

const nowMs = (): number => performance.timeOrigin + performance.now();

async function lineLatencies(world: World): Promise<number[]> {
  const latencies: number[] = [];
  for await (const chunk of outputOf(world, ['python3', '-c', CLOCK])) {
    const arrivedAt = nowMs();
    for (const line of Buffer.from(chunk).toString().trim().split('\n')) latencies.push(arrivedAt - Number(line));
  }
  if (latencies.length !== LINES) throw new Error(`${latencies.length} lines of ${LINES} came`);
  return latencies.sort((one, other) => one - other);
}

const flood = ['head', '-c', String(STREAMED_MIB * MIB), '/dev/zero'] as const;

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function readAll(world: World): Promise<void> {
  let bytes = 0;
  for await (const chunk of outputOf(world, flood)) bytes += chunk.length;
  if (bytes !== STREAMED_MIB * MIB) throw new Error(`${bytes} bytes of ${STREAMED_MIB} MiB came`);
}

/** What is really held: garbage is collected before each look. */
async function heldBySlowReader(world: World): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const held = () => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers / MIB;
  };
  const before = held();
  let most = 0;
  let sincePause = 0;
  for await (const chunk of outputOf(world, flood)) {
    sincePause += chunk.length;
    if (sincePause < READER_PAUSE_EVERY_BYTES) continue;
    sincePause = 0;
    await pause(10);
    most = Math.max(most, held() - before);
  }
  return most;
}

/** Output as it comes, through the container provider. */
export async function measureStream(world: World): Promise<StreamFigures> {
  await readAll(world); // the channel is open from here on
  const latencies = await lineLatencies(world);
  const containerId = world.sandboxes[0]!.containerId;
  return {
    lineP50Ms: latencies[Math.floor(LINES / 2)]!,
    lineP99Ms: latencies.at(-1)!,
    streamMs: await timed(() => readAll(world)),
    rawStreamMs: await timed(async () => {
      await world.raw.exec(containerId, flood);
    }),
    heldMiB: await heldBySlowReader(world),
  };
}

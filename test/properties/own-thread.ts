import path from 'node:path';
import { Worker } from 'node:worker_threads';

export interface Settings {
  readonly runs: number;
  readonly seed: number;
}

/** As `Settings` say, or as the environment asks. */
export function settings(runsVariable: string, defaultRuns: number): Settings {
  return {
    runs: Number(process.env[runsVariable] ?? defaultRuns),
    seed: Number(process.env['TOLLBOX_PROPERTY_SEED'] ?? 20_261_121),
  };
}

/**
 * Runs `play` of a file beside this one in a thread of its own. Jest follows every promise of its thread through its hooks,
 * which makes code that is nothing but promises half as fast; a clock that is set there stays there, too.
 */
export async function inOwnThread(file: string, given: Settings): Promise<void> {
  const thread = new Worker(path.join(__dirname, 'thread.cjs'), {
    workerData: { file: path.join(__dirname, file), settings: given },
    resourceLimits: { maxYoungGenerationSizeMb: 64 }, // what a run leaves behind is swept rarely, and is garbage by then
  });
  try {
    const problem = await new Promise<string | null>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', (code) => reject(new Error(`the thread ended with ${code} and without a word`)));
    });
    if (problem !== null) throw new Error(problem);
  } finally {
    await thread.terminate();
  }
}

import { explore } from './explore';
import { ModelDatabase } from './model-database';
import type { Settings } from './own-thread';
import { ModelClock, World } from './world';

/** All processes of a run on a model of the database. */
async function run(choices: readonly number[], keyCount: number, lastBlocks: number): Promise<void> {
  const clock = new ModelClock();
  Date.now = () => clock.nowMs;
  const world = new World(clock, new ModelDatabase(clock), keyCount);
  try {
    for (const choice of choices) await world.step(choice);
    await world.finish(lastBlocks);
  } catch (cause) {
    throw new Error(world.story(), { cause });
  }
}

export const play = (settings: Settings): Promise<void> => explore(run, settings);

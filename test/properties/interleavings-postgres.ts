import type { Database, DatabaseView } from './database';
import { explore } from './explore';
import { ModelDatabase } from './model-database';
import type { Settings } from './own-thread';
import { PgDatabase } from './pg-database';
import { ModelClock, World } from './world';

/** What both must agree on: all but what is drawn by chance. */
function comparable(view: DatabaseView): string {
  const payments = view.payments.map(({ books, ...payment }) => ({
    ...payment,
    operationId: null,
    transactionHash: payment.transactionHash === null ? 'none' : 'some', // the model of the chain draws hashes for looks as well
    books: Object.entries(books).sort(([one], [other]) => one.localeCompare(other)),
  }));
  const text = (value: unknown) =>
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
  return [...payments.map(text).sort(), ...view.batches.map(text).sort(), text(view.gasWei)].join('\n');
}

interface Choices {
  readonly steps: readonly number[];
  readonly keyCount: number;
  readonly lastBlocks: number;
}

async function playOn(
  database: Database,
  clock: ModelClock,
  { steps, keyCount, lastBlocks }: Choices,
  afterStep: (step: number, view: DatabaseView) => void,
): Promise<void> {
  Date.now = () => clock.nowMs;
  const world = new World(clock, database, keyCount);
  try {
    for (const [step, choice] of steps.entries()) {
      await world.step(choice);
      afterStep(step, await database.view());
    }
    await world.finish(lastBlocks);
    afterStep(steps.length, await database.view());
  } catch (cause) {
    throw new Error(world.story(), { cause });
  }
}

/** Plays a run on the model and then on PostgreSQL, and holds one against the other after every step. */
async function runOn(postgres: PgDatabase, choices: Choices): Promise<void> {
  const expected: string[] = [];
  const clock = new ModelClock();
  const note = (step: number, view: DatabaseView): void => void (expected[step] = comparable(view));
  await playOn(new ModelDatabase(clock), clock, choices, note);
  await postgres.empty();
  await playOn(postgres, new ModelClock(), choices, (step, view) => {
    const seen = comparable(view);
    if (seen !== expected[step])
      throw new Error(`step ${step}: PostgreSQL holds\n${seen}\nand the model\n${expected[step] ?? ''}`);
  });
}

export async function play(settings: Settings): Promise<void> {
  const postgres = await PgDatabase.start();
  try {
    await explore((steps, keyCount, lastBlocks) => runOn(postgres, { steps, keyCount, lastBlocks }), settings);
  } finally {
    await postgres.stop();
  }
}

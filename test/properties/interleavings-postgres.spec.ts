import fc from 'fast-check';
import type { Database, DatabaseView } from './database';
import { ModelDatabase } from './model-database';
import { PgDatabase } from './pg-database';
import { ModelClock, World } from './world';

/**
 * The same interleavings on the product's repositories and PostgreSQL, beside the model: after every step both hold the
 * same payments, the same batches and the same books.
 */
const RUNS = Number(process.env['TOLLBOX_PROPERTY_DATABASE_RUNS'] ?? 400);
const SEED = Number(process.env['TOLLBOX_PROPERTY_SEED'] ?? 20_261_121);
const MS_PER_RUN = 3_000;

const realNow = Date.now;
let postgres: PgDatabase;
beforeAll(async () => {
  postgres = await PgDatabase.start();
});
afterAll(async () => {
  Date.now = realNow;
  await postgres.stop();
});

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

async function play(
  database: Database,
  choices: readonly number[],
  keyCount: number,
  lastBlocks: number,
  afterStep: (step: number, view: DatabaseView) => void,
) {
  const clock = database instanceof ModelDatabase ? database.clock : new ModelClock();
  Date.now = () => clock.nowMs;
  const world = new World(clock, database, keyCount);
  try {
    for (const [step, choice] of choices.entries()) {
      await world.step(choice);
      afterStep(step, await database.view());
    }
    await world.finish(lastBlocks);
    afterStep(choices.length, await database.view());
  } catch (cause) {
    throw new Error(world.story(), { cause });
  } finally {
    Date.now = realNow;
  }
}

async function run(choices: readonly number[], keyCount: number, lastBlocks: number): Promise<void> {
  const expected: string[] = [];
  await play(
    new ModelDatabase(new ModelClock()),
    choices,
    keyCount,
    lastBlocks,
    (step, view) => void (expected[step] = comparable(view)),
  );
  await postgres.empty();
  await play(postgres, choices, keyCount, lastBlocks, (step, view) => {
    const seen = comparable(view);
    if (seen !== expected[step])
      throw new Error(`step ${step}: PostgreSQL holds\n${seen}\nand the model\n${expected[step] ?? ''}`);
  });
}

it(
  `holds in ${RUNS} interleavings, step by step as in the model`,
  async () => {
    const choices = fc.array(fc.nat(2 ** 31 - 1), { minLength: 20, maxLength: 60, size: 'max' });
    await fc.assert(fc.asyncProperty(choices, fc.integer({ min: 1, max: 2 }), fc.integer({ min: -4, max: 4 }), run), {
      numRuns: RUNS,
      seed: SEED,
    });
  },
  60_000 + RUNS * MS_PER_RUN,
);

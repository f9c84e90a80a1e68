import fc from 'fast-check';
import { ModelDatabase } from './model-database';
import { ModelClock, World } from './world';

/**
 * The use cases of gateway and worker, run step by step against a model of database and chain, killed at any call, with
 * calls that fail or lose their answer, twins, payers who empty their wallets, lost blocks. `npm run test:long` asks for more.
 */
const RUNS = Number(process.env['TOLLBOX_PROPERTY_RUNS'] ?? 40_000);
const SEED = Number(process.env['TOLLBOX_PROPERTY_SEED'] ?? 20_261_121);
const MS_PER_RUN = 40;

const realNow = Date.now;
const realTraceLimit = Error.stackTraceLimit;
beforeAll(() => {
  Error.stackTraceLimit = 4; // broken connections and dying processes are everyday here
});
afterAll(() => {
  Date.now = realNow;
  Error.stackTraceLimit = realTraceLimit;
});

async function run(choices: readonly number[], keyCount: number, lastBlocks: number): Promise<void> {
  const clock = new ModelClock();
  Date.now = () => clock.nowMs;
  const world = new World(clock, new ModelDatabase(clock), keyCount);
  try {
    for (const choice of choices) await world.step(choice);
    await world.finish(lastBlocks);
  } catch (cause) {
    throw new Error(world.story(), { cause });
  } finally {
    Date.now = realNow;
  }
}

it(
  `holds in ${RUNS} interleavings`,
  async () => {
    const choices = fc.array(fc.nat(2 ** 31 - 1), { minLength: 20, maxLength: 60, size: 'max' });
    await fc.assert(fc.asyncProperty(choices, fc.integer({ min: 1, max: 2 }), fc.integer({ min: -4, max: 4 }), run), {
      numRuns: RUNS,
      seed: SEED,
    });
  },
  60_000 + RUNS * MS_PER_RUN,
);

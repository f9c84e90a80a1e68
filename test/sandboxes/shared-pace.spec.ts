import { SharedPace } from '@tollbox/sandboxes/infrastructure/persistence/shared-pace';
import { Pool } from 'pg';
import { testDatabase, type TestDatabase } from '../support/stack';

const INTERVAL_MS = 10_000;

/** Two processes over one database: a pool each, with the application's rights. */
describe('the pace that all processes share', () => {
  let database: TestDatabase;
  let pools: Pool[];

  beforeAll(async () => {
    database = await testDatabase();
    pools = [1, 2].map(() => new Pool({ connectionString: database.applicationUrl }));
  });
  afterAll(async () => {
    await Promise.all(pools.map((pool) => pool.end()));
    await database.drop();
  });

  const paces = (name: string) => pools.map((pool) => new SharedPace(pool, name, INTERVAL_MS));
  /** Waits as multiples of the interval; the little time between two questions does not count. */
  const turns = (waitsMs: readonly number[]) => waitsMs.map((waitMs) => Math.round(waitMs / INTERVAL_MS)).sort();

  it('gives every moment once, however many ask at the same time', async () => {
    const [first, second] = paces('once');
    const waits = await Promise.all([first!, second!, first!, second!, first!].map((pace) => pace.reserve()));
    expect(turns(waits)).toEqual([0, 1, 2, 3, 4]);
  });

  it('holds everybody off when one has been told to slow down, and never shortens a wait', async () => {
    const [first, second] = paces('held');
    await first!.holdOff(3 * INTERVAL_MS);
    await first!.holdOff(INTERVAL_MS);
    expect(turns([await second!.reserve()])).toEqual([3]);
  });

  it('has a pace for each name', async () => {
    const [pace] = paces('this');
    const [other] = paces('that');
    expect(turns([await pace!.reserve(), await pace!.reserve(), await other!.reserve()])).toEqual([0, 0, 1]);
  });
});

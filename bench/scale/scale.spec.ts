import { dropDatabase } from '@tollbox/devstack/database';
import { testDatabase, testDatabaseUrl, type TestDatabase } from '../../test/support/stack';
import { isSettled } from './month';
import { planFrom } from './options';
import { report, verdictsOf } from './report';
import { measureAll, type Findings } from './run';

const PAYMENTS = 2_000;
const NAME = `scale_spec_${process.pid}`;

describe('the bench of the books at scale', () => {
  let other: TestDatabase;
  let findings: Findings;

  beforeAll(async () => {
    other = await testDatabase();
    const plan = planFrom(['--payments', String(PAYMENTS), '--times', '1', '--database', testDatabaseUrl(NAME)]);
    findings = await measureAll({ ...plan, batches: 2, smallPayments: PAYMENTS }, () => undefined);
  }, 60_000);

  afterAll(async () => {
    await Promise.all([NAME, `${NAME}_small`].map((name) => dropDatabase(testDatabaseUrl('postgres'), name)));
    await other.drop();
  });

  it('loads a month whose books agree, and reconciles it with the chain that it settled on', () => {
    expect(findings.loaded).toMatchObject({ payments: PAYMENTS });
    const settled = Array.from({ length: PAYMENTS }, (_, i) => i).filter((i) => isSettled(i, PAYMENTS));
    expect(findings.reconciliation).toMatchObject({ transfers: settled.length, open: 0 });
  });

  it('asks every question, sends every file and tells each limit', () => {
    expect(findings.queries.length).toBeGreaterThan(80);
    expect(findings.exports.every(({ bytes }) => bytes > 0)).toBe(true);
    const lines = report(findings).join('\n');
    for (const { what } of verdictsOf(findings)) expect(lines).toContain(what);
  });

  it('refuses a database that has a name of something else', async () => {
    const plan = planFrom(['--database', other.url]);
    await expect(measureAll(plan, () => undefined)).rejects.toThrow('must have a name that begins with `scale`');
  });
});

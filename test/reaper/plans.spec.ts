import { TAKE_ENDS, TAKE_EXPIRED, TAKE_STUCK } from '@tollbox/reaper/infrastructure/take-statements';
import { ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, type World } from '../support/sandboxes/world';

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** What the reaper asks at every tick must not grow with the sandboxes that there are and ever were. */
describe('the statements of the reaper', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld(new ScriptedProvider());
    await world.query(`INSERT INTO sandboxes (id, owner, state, desired_state, operation_id, provider, provider_ref, isolation,
        network_policy, image, cpu_millis, memory_mib, lifetime_ms, deadline_at, ended_at, created_at)
      SELECT 'sb-' || n, '0x' || n % 500, CASE WHEN n % 4 = 0 THEN 'running' ELSE 'terminated' END,
        CASE WHEN n % 4 = 0 AND n % 400 <> 0 THEN 'running' ELSE 'terminated' END, gen_random_uuid(), 'container', 'ref-' || n,
        'gvisor', 'none', 'python:3.11', 1000, 256, 300000, now() + n % 300 * interval '1 s', now(), now() - interval '1 min'
      FROM generate_series(1, 20000) n`);
    await world.query('ANALYZE sandboxes');
  });
  afterAll(() => world.close());

  it.each([
    ['what is over its time', TAKE_EXPIRED, ['container', 100, 5_000, 'deadline'], 'sandboxes_due'],
    [
      'creates that nobody finished',
      TAKE_STUCK,
      ['container', 100, 5_000, 'create_interrupted', 70_000],
      'sandboxes_being_created',
    ],
    ['ends that nobody finished', TAKE_ENDS, ['container', 100, 5_000], 'sandboxes_to_end'],
  ])('%s is found by its own index', async (_what, statement, parameters, index) => {
    const [row] = await world.query<{ 'QUERY PLAN': readonly { Plan: PlanNode }[] }>(
      `EXPLAIN (FORMAT JSON) ${statement}`,
      parameters,
    );
    const nodes = nodesOf(row!['QUERY PLAN'][0]!.Plan);
    expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] === 'sandboxes')).toEqual([]);
    expect(nodes.map((node) => node['Index Name'])).toContain(index);
  });
});

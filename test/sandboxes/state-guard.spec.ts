import { SANDBOX_STATES, SANDBOX_TRANSITIONS } from '@tollbox/sandboxes/domain/sandbox-state';
import { FINAL_STATES, LIVE_STATES } from '@tollbox/sandboxes/infrastructure/persistence/rows';
import { SNAPSHOT_STATES, SNAPSHOT_TRANSITIONS } from '@tollbox/sandboxes/domain/snapshot';
import { isFinal } from '@tollbox/sandboxes/domain/sandbox-state';
import { randomUUID } from 'node:crypto';
import { ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, type World } from '../support/sandboxes/world';

describe('the database and the domain agree on sandbox states', () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld(new ScriptedProvider());
  });
  afterAll(() => world.close());

  const insert = async (state: string, owner: string | null = state === 'pooled' ? null : '0x1'): Promise<string> => {
    const id = `sb-${randomUUID().replaceAll('-', '')}`;
    await world.query(
      `INSERT INTO sandboxes (id, owner, state, operation_id, provider, isolation, network_policy, image, cpu_millis, memory_mib, lifetime_ms,
         deadline_at, ended_at)
       VALUES ($1, $4, $2, $3, 'container', 'gvisor', 'none', 'python:3.11', 1000, 256, 1000, now(), now())`,
      [id, state, randomUUID(), owner],
    );
    return id;
  };

  it('knows the same states', async () => {
    for (const state of SANDBOX_STATES) await insert(state);
    await expect(insert('sleeping')).rejects.toThrow('sandboxes_state_known');
  });

  it.each(SANDBOX_STATES.flatMap((from) => SANDBOX_STATES.filter((to) => to !== from).map((to) => [from, to] as const)))(
    '%s to %s',
    async (from, to) => {
      const isPool = from === 'pooled' || to === 'pooled';
      const id = await insert(from, isPool && !['running', 'finished'].includes(from) ? null : '0x1');
      const claimed = from === 'pooled' && to === 'running' ? `, owner = '0x1', operation_id = gen_random_uuid()` : '';
      const change = world.query(`UPDATE sandboxes SET state = $2${claimed} WHERE id = $1`, [id, to]);
      if (SANDBOX_TRANSITIONS[from].includes(to)) await change;
      else await expect(change).rejects.toThrow('is not a legal change');
    },
  );

  it('calls the same states final, and none of them live', () => {
    const inSql = (list: string): string[] => [...list.matchAll(/'(\w+)'/g)].map(([, state]) => state!).sort();
    expect(inSql(FINAL_STATES)).toEqual(SANDBOX_STATES.filter(isFinal).sort());
    expect(inSql(LIVE_STATES)).toEqual(SANDBOX_STATES.filter((state) => !isFinal(state) && state !== 'finished').sort());
  });

  it('never changes owner and identity, never takes an ending back, never edits history', async () => {
    const { answer } = await world.create();
    const id = answer.sandbox_id;
    await expect(world.query(`UPDATE sandboxes SET owner = '0x2' WHERE id = $1`, [id])).rejects.toThrow('never change');
    await world.query(`UPDATE sandboxes SET desired_state = 'terminated' WHERE id = $1`, [id]);
    await expect(world.query(`UPDATE sandboxes SET desired_state = 'running' WHERE id = $1`, [id])).rejects.toThrow('taken back');
    await expect(world.query(`UPDATE operations SET state = 'abandoned'`)).rejects.toThrow('append-only');
    await expect(world.query(`DELETE FROM sandbox_events`)).rejects.toThrow('append-only');
  });
});

describe('the database and the domain agree on snapshot states', () => {
  let world: World;
  let sandboxId: string;
  beforeAll(async () => {
    world = await openWorld(new ScriptedProvider());
    sandboxId = (await world.create()).answer.sandbox_id;
  });
  afterAll(() => world.close());

  const insert = async (state: string): Promise<string> => {
    const id = `sn-${randomUUID().replaceAll('-', '')}`;
    await world.query(
      `INSERT INTO snapshots (id, owner, sandbox_id, operation_id, provider, provider_ref, state, expires_at)
       VALUES ($1, '0x1', $2, $3, 'container', 'image', $4, now())`,
      [id, sandboxId, randomUUID(), state],
    );
    return id;
  };

  it('which may follow which', async () => {
    for (const from of SNAPSHOT_STATES) {
      for (const to of SNAPSHOT_STATES.filter((other) => other !== from)) {
        const change = world.query('UPDATE snapshots SET state = $2 WHERE id = $1', [await insert(from), to]);
        if (SNAPSHOT_TRANSITIONS[from].includes(to)) await change;
        else await expect(change).rejects.toThrow('is not a legal change');
      }
    }
    await expect(insert('lost')).rejects.toThrow('snapshots_state_known');
    await expect(world.query(`UPDATE snapshots SET owner = '0x2'`)).rejects.toThrow('never change');
    await expect(world.query('DELETE FROM snapshot_events')).rejects.toThrow('append-only');
  });
});

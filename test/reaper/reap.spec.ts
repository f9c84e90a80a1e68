import { randomUUID } from 'node:crypto';
import { Reap, type ReapSettings } from '@tollbox/reaper/application/reap';
import { PgReaperStore } from '@tollbox/reaper/infrastructure/pg-reaper.store';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import type { Sandboxes } from '@tollbox/sandboxes/assemble';
import { eventually } from '../contract/provider-contract';
import { Gate, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { eventKinds, openWorld, ORDER, wallet, type World } from '../support/sandboxes/world';

describe('a pass of the reaper', () => {
  let provider: ScriptedProvider;
  let world: World;
  let problems: string[];
  let clockOffsetMs = 0;
  beforeEach(async () => {
    provider = new ScriptedProvider();
    world = await openWorld(provider, { SANDBOX_CREATE_DEADLINE_MS: '60000' });
    problems = [];
  });
  afterEach(() => world.close());

  const reaper = (settings: Partial<ReapSettings> = {}, sandboxes: Sandboxes = world.sandboxes) =>
    new Reap(
      new PgReaperStore(world.pool),
      sandboxes.ender,
      { nowMs: () => Date.now() + clockOffsetMs },
      { provider: 'container', createLimitMs: 70_000, retryAfterMs: 5_000, batch: 100, concurrency: 8, ...settings },
      {
        info: () => undefined,
        problem: (message) => void problems.push(message),
        alarm: (message) => void problems.push(message),
      },
    );
  const running = new AbortController().signal;
  /** A tick, and all that it began. */
  const passOf = async (reap: Reap) => {
    const taken = await reap.tick(running);
    await reap.idle();
    return taken;
  };
  const pass = (settings: Partial<ReapSettings> = {}) => passOf(reaper(settings));
  const expire = (sandboxId: string) =>
    world.query(`UPDATE sandboxes SET deadline_at = now() - interval '1 s' WHERE id = $1`, [sandboxId]);
  /** As if the row had been written, and its next attempt set, that long ago. */
  const age = async (sandboxId: string, seconds: number) => {
    await world.query('ALTER TABLE sandboxes DISABLE TRIGGER sandboxes_guard');
    await world.query(
      `UPDATE sandboxes SET created_at = created_at - $2 * interval '1 s', end_attempt_at = end_attempt_at - $2 * interval '1 s' WHERE id = $1`,
      [sandboxId, seconds],
    );
    await world.query('ALTER TABLE sandboxes ENABLE TRIGGER sandboxes_guard');
  };

  it('ends what is over its time, and nothing else', async () => {
    const [over, young] = [(await world.create()).answer.sandbox_id, (await world.create()).answer.sandbox_id];
    await expire(over);
    expect(await pass()).toBe(1);
    expect(await world.state(over)).toEqual({ state: 'terminated', desired_state: 'terminated', reason: 'deadline' });
    expect((await world.state(young)).state).toBe('running');
    expect([...provider.objects.values()].map(({ sandboxId }) => sandboxId)).toEqual([young]);
    expect(await eventKinds(world, over)).toEqual([
      'requested',
      'provisioning',
      'started',
      'end_requested',
      'terminating',
      'terminated',
    ]);
    expect(await pass()).toBe(0);
  });

  it('several workers at once end each sandbox once', async () => {
    const ids = (await Promise.all(Array.from({ length: 20 }, () => world.create()))).map(({ answer }) => answer.sandbox_id);
    for (const id of ids) await expire(id);
    const other = world.another();
    const worked = await Promise.all([pass(), passOf(reaper({}, other)), pass()]);
    expect(worked.reduce((sum, count) => sum + count, 0)).toBe(20);
    expect(provider.calls.terminate).toBe(20);
    expect(await world.query(`SELECT 1 FROM sandboxes WHERE state <> 'terminated'`)).toEqual([]);
    expect(await world.query(`SELECT sandbox_id FROM sandbox_events WHERE kind = 'end_requested'`)).toHaveLength(20);
  });

  it('takes no more than its batch, the most overdue first', async () => {
    const ids = (await Promise.all(Array.from({ length: 5 }, () => world.create()))).map(({ answer }) => answer.sandbox_id);
    for (const [index, id] of ids.entries())
      await world.query(`UPDATE sandboxes SET deadline_at = now() - $2 * interval '1 s' WHERE id = $1`, [id, index + 1]);
    expect(await pass({ batch: 2 })).toBe(2);
    const ended = await world.query<{ id: string }>(`SELECT id FROM sandboxes WHERE state = 'terminated'`);
    expect(ended.map(({ id }) => id).sort()).toEqual([ids[3]!, ids[4]!].sort());
  });

  it('goes on where another process stopped, and leaves fresh work to who began it', async () => {
    const { sandbox_id: id } = (await world.create()).answer;
    await world.store.requestEnd(id, 'unpaid', { actor: 'payments' });
    await world.store.change({ id, from: ['running'], to: 'terminating', kind: 'terminating', actor: 'payments' });
    expect(await pass()).toBe(0);
    expect(provider.objects.size).toBe(1);
    await age(id, 6);
    expect(await pass()).toBe(1);
    expect(await world.state(id)).toEqual({ state: 'terminated', desired_state: 'terminated', reason: 'unpaid' });
    expect(provider.objects.size).toBe(0);
  });

  it('one sandbox that cannot be ended does not keep the others, and is tried again', async () => {
    const [stuck, fine] = [(await world.create()).answer.sandbox_id, (await world.create()).answer.sandbox_id];
    const stuckRef = (await world.store.find(stuck))!.providerRef;
    await expire(stuck);
    await expire(fine);
    const terminate = provider.terminate.bind(provider);
    const failing = jest
      .spyOn(provider, 'terminate')
      .mockImplementation((handle, signal) =>
        handle.providerRef === stuckRef ? Promise.reject(new ProviderError('unavailable', 'down')) : terminate(handle, signal),
      );
    await pass();
    expect((await world.state(fine)).state).toBe('terminated');
    expect((await world.state(stuck)).state).toBe('terminating');
    expect(problems).toEqual([`sandbox ${stuck} could not be ended yet`]);
    failing.mockRestore();
    await age(stuck, 6);
    await pass();
    expect((await world.state(stuck)).state).toBe('terminated');
  });

  it('closes a create that nobody finished, with the object that it left', async () => {
    const gate = new Gate();
    provider.after.create = gate.pass;
    const operationId = randomUUID();
    const dead = world.sandboxes.create.execute({ owner: wallet(), operationId, order: ORDER });
    const refused = expect(dead).rejects.toMatchObject({ code: 'operation_interrupted' });
    await gate.reached;
    const { id } = (await world.store.findByOperation(operationId))!;
    expect(await pass()).toBe(0);
    await age(id, 71);
    expect(await pass()).toBe(1);
    expect(await world.state(id)).toEqual({ state: 'terminated', desired_state: 'terminated', reason: 'create_interrupted' });
    expect(provider.objects.size).toBe(0);
    gate.release();
    await refused;
  });

  it('closes a create that timed out only once its object can no longer appear', async () => {
    const quick = world.another({ SANDBOX_CREATE_DEADLINE_MS: '1000' });
    provider.before.create = () => new Promise(() => undefined);
    const operationId = randomUUID();
    await expect(quick.create.execute({ owner: wallet(), operationId, order: ORDER })).rejects.toMatchObject({
      code: 'operation_timeout',
    });
    const { id } = (await world.store.findByOperation(operationId))!;
    await age(id, 6);
    await pass();
    expect((await world.state(id)).state).toBe('terminating');
    const late = provider.add({ sandboxId: id, installationId: world.installationId, createdAt: new Date() });
    await age(id, 6);
    await pass();
    expect(provider.objects.has(late)).toBe(false);
    expect((await world.state(id)).state).toBe('terminated');
  });

  it('closes a create that timed out and left nothing, after the create deadline', async () => {
    provider.before.create = () => {
      throw new ProviderError('timeout', 'who knows');
    };
    const operationId = randomUUID();
    await expect(world.sandboxes.create.execute({ owner: wallet(), operationId, order: ORDER })).rejects.toBeDefined();
    const { id } = (await world.store.findByOperation(operationId))!;
    await age(id, 66);
    await pass();
    expect(await world.state(id)).toEqual({ state: 'terminated', desired_state: 'terminated', reason: 'create_interrupted' });
  });

  it('leaves the sandboxes of another provider alone', async () => {
    const { sandbox_id: id } = (await world.create()).answer;
    await expire(id);
    expect(await pass({ provider: 'modal' })).toBe(0);
    expect((await world.state(id)).desired_state).toBe('running');
  });

  it('stops between two sandboxes when it is told to', async () => {
    for (const { answer } of [await world.create(), await world.create()]) await expire(answer.sandbox_id);
    const stopping = new AbortController();
    const terminating = new Gate();
    provider.before.terminate = terminating.pass;
    const reap = reaper({ concurrency: 1 });
    expect(await reap.tick(stopping.signal)).toBe(2);
    await terminating.reached;
    stopping.abort();
    terminating.release();
    await reap.idle();
    expect(await reap.tick(stopping.signal)).toBe(0);
    expect(provider.calls.terminate).toBe(1);
    const states = await world.query<{ state: string }>('SELECT state FROM sandboxes ORDER BY state');
    expect(states.map(({ state }) => state)).toEqual(['terminated', 'terminating']);
  });

  it('serves every wallet once before it serves one twice', async () => {
    const [busy, other] = [wallet(), wallet()];
    const ids: string[] = [];
    for (const owner of [busy, busy, busy, other]) ids.push((await world.create(owner)).answer.sandbox_id);
    for (const [index, id] of ids.entries())
      await world.query(`UPDATE sandboxes SET deadline_at = now() - $2 * interval '1 s' WHERE id = $1`, [id, 10 - index]);
    expect(await pass({ batch: 2 })).toBe(2);
    const ended = await world.query<{ id: string }>(`SELECT id FROM sandboxes WHERE state = 'terminated'`);
    expect(ended.map(({ id }) => id).sort()).toEqual([ids[0]!, ids[3]!].sort());
  });

  it('a call that hangs holds up neither the next tick nor the other sandboxes', async () => {
    const [hanging, fine] = [(await world.create()).answer.sandbox_id, (await world.create()).answer.sandbox_id];
    await expire(hanging);
    const gate = new Gate();
    provider.before.terminate = ({ times }) => (times === 1 ? gate.pass() : undefined);
    const reap = reaper();
    expect(await reap.tick(running)).toBe(1);
    await gate.reached;
    await expire(fine);
    expect(await reap.tick(running)).toBe(1);
    await eventually(
      () => world.state(fine),
      ({ state }) => state === 'terminated',
    );
    expect((await world.state(hanging)).state).toBe('terminating');
    gate.release();
    await reap.idle();
    expect((await world.state(hanging)).state).toBe('terminated');
  });

  it('writes the wait after a failure into the row, where every worker heeds it, longer each time', async () => {
    const { sandbox_id: id } = (await world.create()).answer;
    await expire(id);
    provider.before.terminate = () => {
      throw new ProviderError('unavailable', 'down');
    };
    const wait = async () =>
      (
        await world.query<{ ms: number }>(
          'SELECT (extract(epoch FROM end_attempt_at - now()) * 1000)::float8 AS ms FROM sandboxes WHERE id = $1',
          [id],
        )
      )[0]!.ms;
    expect(await pass({ retryAfterMs: 60_000 })).toBe(1);
    expect(await wait()).toBeLessThanOrEqual(1_000);
    expect(await passOf(reaper({}, world.another()))).toBe(0);
    for (let attempt = 2; attempt <= 7; attempt++) {
      await age(id, 100);
      expect(await pass()).toBe(1);
    }
    expect(await wait()).toBeGreaterThan(25_000);
    delete provider.before.terminate;
    await age(id, 100);
    await pass();
    expect((await world.state(id)).state).toBe('terminated');
  });

  it('asks a provider nothing while it has asked for a pause', async () => {
    const [first, second] = [(await world.create()).answer.sandbox_id, (await world.create()).answer.sandbox_id];
    await expire(first);
    provider.before.terminate = () => {
      throw new ProviderError('rate_limited', 'slow down', { retryAfterMs: 8_000 });
    };
    const reap = reaper();
    expect(await passOf(reap)).toBe(1);
    delete provider.before.terminate;
    await expire(second);
    expect(await passOf(reap)).toBe(0);
    clockOffsetMs = 8_001;
    expect(await passOf(reap)).toBe(1);
    clockOffsetMs = 0;
    expect((await world.state(second)).state).toBe('terminated');
  });
});

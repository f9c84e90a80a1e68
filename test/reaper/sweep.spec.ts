import { randomUUID } from 'node:crypto';
import { Sweep, type SweepSettings } from '@tollbox/reaper/application/sweep';
import { PgReaperStore } from '@tollbox/reaper/infrastructure/pg-reaper.store';
import { AuditedSweep } from '@tollbox/reaper/infrastructure/sweep-audit';
import { AuditLog } from '@tollbox/platform/audit/audit-log';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { Gate, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { eventKinds, openWorld, ORDER, wallet, type World } from '../support/sandboxes/world';

describe('a sweep of the reaper', () => {
  let provider: ScriptedProvider;
  let world: World;
  let store: PgReaperStore;
  let alarms: string[];
  let problems: string[];
  beforeEach(async () => {
    provider = new ScriptedProvider();
    world = await openWorld(provider);
    store = new PgReaperStore(world.pool);
    alarms = [];
    problems = [];
  });
  afterEach(() => world.close());

  const sweeper = (settings: Partial<SweepSettings> = {}) =>
    new Sweep(
      store,
      world.store,
      world.sandboxes.provider,
      world.sandboxes.observer,
      new AuditedSweep(new AuditLog(world.pool), 'container'),
      { nowMs: () => Date.now() },
      {
        installationId: world.installationId,
        holder: randomUUID(),
        leaseMs: 60_000,
        orphanAgeMs: 120_000,
        maxRemovals: 5,
        maxLooks: 200,
        concurrency: 4,
        ...settings,
      },
      { info: () => undefined, problem: (message) => void problems.push(message), alarm: (message) => void alarms.push(message) },
    );
  const running = new AbortController().signal;
  const sweep = (settings: Partial<SweepSettings> = {}) => sweeper(settings).sweep(running);
  const ago = (seconds: number): Date => new Date(Date.now() - seconds * 1_000);
  const object = (sandboxId: string | null, createdAt: Date | null, installationId = world.installationId): string =>
    provider.add({ sandboxId, createdAt, installationId });
  const audit = () =>
    world.query<{ action: string; subject: string; outcome: string; detail: unknown }>(
      'SELECT action, subject, outcome, detail FROM audit_log ORDER BY id',
    );

  it('leaves everything that a live row explains, whatever its age', async () => {
    await world.create();
    const creating = new Gate();
    provider.after.create = creating.pass;
    const operationId = randomUUID();
    const slow = world.sandboxes.create.execute({ owner: wallet(), operationId, order: ORDER });
    await creating.reached;
    for (const [ref, known] of provider.objects) provider.objects.set(ref, { ...known, createdAt: ago(10_000) });
    expect(await sweep()).toEqual({ kind: 'done', orphans: 0, ghosts: 0, looks: 1 });
    creating.release();
    await expect(slow).resolves.toMatchObject({ status: 'running' });
    expect(provider.objects.size).toBe(2);
  });

  it('removes an orphan only when it is old enough, and says so', async () => {
    const unknownId = 'sb-SKt5nLL9syMDmcmMTMfhHP';
    const [old, nameless, young] = [object(unknownId, ago(121)), object(null, ago(121)), object(unknownId, ago(119))];
    expect(await sweep()).toMatchObject({ kind: 'done', orphans: 2 });
    expect([...provider.objects.keys()]).toEqual([young]);
    expect((await audit()).sort((a, b) => a.subject.localeCompare(b.subject))).toEqual(
      [
        {
          action: 'reaper.orphan_removed',
          subject: unknownId,
          outcome: 'ok',
          detail: { provider: 'container', providerRef: old },
        },
        {
          action: 'reaper.orphan_removed',
          subject: nameless,
          outcome: 'ok',
          detail: { provider: 'container', providerRef: nameless },
        },
      ].sort((a, b) => a.subject.localeCompare(b.subject)),
    );
  });

  it('removes the object of an ended row, and writes it into its history', async () => {
    const { answer, owner } = await world.create();
    const sandboxId = answer.sandbox_id;
    await world.sandboxes.terminate.execute({ owner, operationId: randomUUID(), sandboxId });
    object(sandboxId, ago(500));
    expect(await sweep()).toMatchObject({ orphans: 1 });
    expect(provider.objects.size).toBe(0);
    expect(await eventKinds(world, sandboxId)).toContain('orphan_removed');
  });

  it('removes a second object under the id of a running sandbox, and keeps the one that its row names', async () => {
    const { answer } = await world.create();
    const twin = object(answer.sandbox_id, ago(500));
    expect(await sweep()).toMatchObject({ orphans: 1 });
    expect(provider.objects.has(twin)).toBe(false);
    expect((await world.state(answer.sandbox_id)).state).toBe('running');
    expect(provider.objects.size).toBe(1);
  });

  it('never touches the objects of another installation', async () => {
    object('sb-other', ago(10_000), randomUUID());
    expect(await sweep()).toMatchObject({ orphans: 0 });
    expect(provider.objects.size).toBe(1);
  });

  it('an orphan of unknown age must have been seen for long enough, without a break', async () => {
    const ref = object(null, null);
    expect(await sweep()).toMatchObject({ orphans: 0 });
    await world.query(`UPDATE orphan_sightings SET first_seen_at = now() - interval '119 s'`);
    expect(await sweep()).toMatchObject({ orphans: 0 });
    const [kept] = [...provider.objects.entries()];
    provider.objects.clear();
    await sweep();
    provider.objects.set(...kept!);
    await sweep();
    expect(await world.query(`SELECT 1 FROM orphan_sightings WHERE first_seen_at < now() - interval '60 s'`)).toEqual([]);
    await world.query(`UPDATE orphan_sightings SET first_seen_at = now() - interval '121 s'`);
    expect(await sweep()).toMatchObject({ orphans: 1 });
    expect(provider.objects.has(ref)).toBe(false);
  });

  it('calls a sandbox lost at the second explicit not-found', async () => {
    const { answer } = await world.create();
    provider.objects.clear();
    expect(await sweep()).toMatchObject({ kind: 'done', ghosts: 0 });
    expect((await world.state(answer.sandbox_id)).state).toBe('running');
    expect(await sweep()).toMatchObject({ kind: 'done', ghosts: 1 });
    expect(await world.state(answer.sandbox_id)).toEqual({ state: 'lost', desired_state: 'terminated', reason: 'provider_lost' });
  });

  it('a sandbox that is only missing in the list, or whose look fails, is no ghost', async () => {
    const { answer } = await world.create();
    jest.spyOn(provider, 'list').mockResolvedValue([]);
    for (let times = 0; times < 3; times++) expect(await sweep()).toMatchObject({ ghosts: 0 });
    provider.before.inspect = () => {
      throw new ProviderError('unavailable', 'down');
    };
    for (let times = 0; times < 3; times++) expect(await sweep()).toMatchObject({ ghosts: 0 });
    expect(problems).toHaveLength(3);
    expect((await world.state(answer.sandbox_id)).state).toBe('running');
  });

  it('a sighting in between makes the count start again', async () => {
    const { answer } = await world.create();
    const [entry] = [...provider.objects.entries()];
    provider.objects.clear();
    await sweep();
    provider.objects.set(...entry!);
    await sweep();
    provider.objects.clear();
    await sweep();
    expect((await world.state(answer.sandbox_id)).state).toBe('running');
  });

  it('notices what has ended by itself', async () => {
    const { answer } = await world.create();
    provider.end(answer.sandbox_id, { kind: 'ended', returncode: 137, outOfMemory: true });
    await sweep();
    expect(await world.state(answer.sandbox_id)).toEqual({
      state: 'finished',
      desired_state: 'terminated',
      reason: 'out_of_memory',
    });
  });

  it('looks at a bounded number in turn, so that all are seen', async () => {
    const ids = (await Promise.all(Array.from({ length: 5 }, () => world.create()))).map(({ answer }) => answer.sandbox_id);
    for (const id of ids) provider.end(id, { kind: 'ended', returncode: 0, outOfMemory: false });
    const one = sweeper({ maxLooks: 2 });
    const looks = [];
    for (let times = 0; times < 3; times++) looks.push(await one.sweep(running));
    expect(looks).toMatchObject([{ looks: 2 }, { looks: 2 }, { looks: 1 }]);
    expect(await world.query(`SELECT 1 FROM sandboxes WHERE state = 'running'`)).toEqual([]);
  });

  it('removes nothing and raises an alarm when there are too many', async () => {
    const created = await Promise.all(Array.from({ length: 3 }, () => world.create()));
    provider.objects.clear();
    await sweep();
    for (let index = 0; index < 3; index++) object(null, ago(500));
    expect(await sweep()).toEqual({ kind: 'stopped', orphans: 3, ghosts: 3 });
    expect(provider.objects.size).toBe(3);
    for (const { answer } of created) expect((await world.state(answer.sandbox_id)).state).toBe('running');
    expect(alarms).toHaveLength(1);
    expect(await audit()).toEqual([
      { action: 'reaper.sweep_stopped', subject: 'container', outcome: 'refused', detail: { orphans: 3, ghosts: 3, limit: 5 } },
    ]);
    expect(await sweep({ maxRemovals: 6 })).toMatchObject({ kind: 'done', orphans: 3, ghosts: 3 });
    expect(provider.objects.size).toBe(0);
  });

  it('an empty list, as of a provider that forgot everything, ends nothing at once', async () => {
    await Promise.all(Array.from({ length: 10 }, () => world.create()));
    provider.objects.clear();
    await sweep();
    expect(await sweep()).toMatchObject({ kind: 'stopped', ghosts: 10 });
    expect(await world.query(`SELECT 1 FROM sandboxes WHERE state = 'running'`)).toHaveLength(10);
  });

  it('only one worker sweeps at a time, and a dead one is replaced', async () => {
    const gate = new Gate();
    provider.before.list = gate.pass;
    const first = sweep({ holder: 'a' });
    await gate.reached;
    expect(await sweep({ holder: 'b' })).toEqual({ kind: 'not_holder' });
    await world.query(`UPDATE leases SET expires_at = now() - interval '1 s'`);
    object(null, ago(500));
    delete provider.before.list;
    expect(await store.holdLease('reaper-sweep', 'b', 60_000)).toBe(true);
    gate.release();
    expect(await first).toEqual({ kind: 'not_holder' });
    expect(provider.objects.size).toBe(1);
    expect(await world.query('SELECT holder, fence FROM leases')).toEqual([{ holder: 'b', fence: '2' }]);
    expect(await sweep({ holder: 'b' })).toMatchObject({ kind: 'done', orphans: 1 });
  });

  it('gives its lease back when the provider cannot list', async () => {
    provider.before.list = () => {
      throw new ProviderError('unavailable', 'down');
    };
    await expect(sweep({ holder: 'a' })).rejects.toBeInstanceOf(ProviderError);
    delete provider.before.list;
    expect(await sweep({ holder: 'b' })).toMatchObject({ kind: 'done' });
  });

  it('an orphan that cannot be removed is tried again', async () => {
    object(null, ago(500));
    provider.before.terminate = () => {
      throw new ProviderError('unavailable', 'down');
    };
    expect(await sweep()).toMatchObject({ kind: 'done', orphans: 1 });
    expect(problems).toHaveLength(1);
    expect(await audit()).toEqual([]);
    delete provider.before.terminate;
    await sweep();
    expect(provider.objects.size).toBe(0);
  });

  it('asks by one list where that says who runs, and looks only at who does not', async () => {
    const [dead, alive] = [(await world.create()).answer.sandbox_id, (await world.create()).answer.sandbox_id];
    provider.end(dead, { kind: 'ended', returncode: 137, outOfMemory: true });
    const list = provider.list.bind(provider);
    jest.spyOn(provider, 'list').mockImplementation(async (installationId, signal) =>
      (await list(installationId, signal)).map((object) => ({
        ...object,
        isRunning: provider.objects.get(object.providerRef)?.state.kind === 'running',
      })),
    );
    expect(await sweep()).toMatchObject({ looks: 1 });
    expect(await world.state(dead)).toEqual({ state: 'finished', desired_state: 'terminated', reason: 'out_of_memory' });
    expect((await world.state(alive)).state).toBe('running');
    expect(await sweep()).toMatchObject({ looks: 0 });
  });
});

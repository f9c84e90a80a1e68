import { randomUUID } from 'node:crypto';
import { ReapSnapshots } from '@tollbox/sandboxes/application/snapshots/reap-snapshots';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { Gate, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { down, SnapshottingProvider } from '../support/sandboxes/scripted-snapshots';
import { openWorld, wallet, type World } from '../support/sandboxes/world';

let provider: SnapshottingProvider;
let world: World;
let owner: string;
let sandboxId: string;
beforeAll(async () => {
  provider = new SnapshottingProvider();
  world = await openWorld(provider, { SNAPSHOT_DEADLINE_MS: '1000', SNAPSHOT_MAX_PER_OWNER: '3' });
});
afterAll(() => world.close());
beforeEach(async () => {
  Object.assign(provider.snapshots, {
    lists: true,
    before: () => undefined,
    after: () => undefined,
    beforeRemove: () => undefined,
  });
  provider.snapshots.images.clear();
  world.clockOffsetMs = 0;
  const created = await world.create();
  owner = created.owner;
  sandboxId = created.answer.sandbox_id;
});

const call = () => ({ owner, operationId: randomUUID(), sandboxId, ttlMs: 3_600_000 });
const take = (wanted = call()) => world.sandboxes.snapshots.take.execute(wanted);
const operation = () => world.operation('sandbox.snapshot');
const admit = (by = owner) => operation().admit({ owner: by, body: { sandbox_id: sandboxId, ttl_s: 3_600 } });
const rowOf = async (operationId: string) => (await world.snapshotStore.findByOperation(operationId))!;
const images = () => [...provider.snapshots.images.keys()];
const eventsOf = async (id: string) =>
  (await world.query<{ kind: string }>('SELECT kind FROM snapshot_events WHERE snapshot_id = $1 ORDER BY id', [id])).map(
    ({ kind }) => kind,
  );

/** A take that stands at a gate before or after the provider's own work. */
async function stopped(where: 'before' | 'after') {
  const gate = new Gate();
  provider.snapshots[where] = gate.pass;
  const running = call();
  const done = take(running).then(
    (answer) => ({ answer }),
    (error: unknown) => ({ error }),
  );
  await gate.reached;
  return { ...running, gate, done };
}

describe('taking a snapshot', () => {
  it('answers its id under both names, its size and its expiry', async () => {
    const wanted = call();
    const answer = await take(wanted);
    expect(answer).toMatchObject({ image_id: answer.snapshot_id, sandbox_id: sandboxId, size_bytes: 4_096 });
    expect(Date.parse(answer.expires_at) - Date.parse(answer.created_at)).toBe(3_600_000);
    const row = await rowOf(wanted.operationId);
    expect(row).toMatchObject({ state: 'ready', owner, providerRef: images()[0] });
    expect(await eventsOf(row.id)).toEqual(['requested', 'taking', 'taken']);
    expect(await operation().outcomeOf(wanted.operationId)).toEqual({ kind: 'done', answer: { status: 200, body: answer } });
  });

  it('is refused before payment: for a stranger, an ended sandbox, a full wallet, a provider without the feature', async () => {
    await admit();
    await expect(admit(wallet())).rejects.toMatchObject({ code: 'sandbox_not_found' });
    await Promise.all([take(), take(), take()]);
    await expect(admit()).rejects.toMatchObject({ code: 'snapshot_limit_reached' });
    await expect(take()).rejects.toMatchObject({ code: 'snapshot_limit_reached' });
    await world.sandboxes.ender.end(sandboxId, 'operator', { actor: 'test' });
    await expect(admit()).rejects.toMatchObject({ code: 'sandbox_gone' });
    const plain = world.another({}, new ScriptedProvider()).snapshots;
    await expect(plain.take.execute(call())).rejects.toMatchObject({ code: 'not_supported_here' });
  });

  it('never goes over the limit of a wallet, however many come at once', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => take()));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(images()).toHaveLength(3);
  });

  it.each([
    ['gone', undefined, 'sandbox_gone'],
    ['rate_limited', undefined, 'provider_rate_limited'],
    ['invalid', 'too_large', 'snapshot_too_large'],
  ] as const)('a provider that says %s has made nothing', async (kind, problem, code) => {
    provider.snapshots.before = () => {
      throw new ProviderError(kind, 'no', problem === undefined ? {} : { problem });
    };
    const wanted = call();
    await expect(take(wanted)).rejects.toMatchObject({ code });
    expect((await rowOf(wanted.operationId)).state).toBe('failed');
    expect(await operation().outcomeOf(wanted.operationId)).toEqual({ kind: 'not_started' });
  });

  it.each([
    ['unavailable', 'provider_unavailable'],
    ['internal', 'internal'],
    ['timeout', 'operation_timeout'],
  ] as const)('after %s it is not known, and what came is removed', async (kind, code) => {
    provider.snapshots.after = () => {
      throw new ProviderError(kind, 'the connection broke');
    };
    const wanted = call();
    await expect(take(wanted)).rejects.toMatchObject({ code });
    expect((await rowOf(wanted.operationId)).state).toBe('unknown');
    expect(images()).toHaveLength(1);
    expect(await operation().outcomeOf(wanted.operationId)).toEqual({ kind: 'unknown' });
    expect(images()).toEqual([]);
    expect((await rowOf(wanted.operationId)).state).toBe('deleted');
  });
});

describe('what became of a take', () => {
  it('never started: not_started, and the slow process cannot start it any more', async () => {
    const wanted = call();
    expect(await operation().outcomeOf(wanted.operationId)).toEqual({ kind: 'not_started' });
    await expect(take(wanted)).rejects.toMatchObject({ code: 'operation_interrupted' });
    expect(images()).toEqual([]);
  });

  it('the image is there: adopted and done; the slow process answers the same', async () => {
    const { operationId, gate, done } = await stopped('after');
    const outcome = await operation().outcomeOf(operationId);
    expect(outcome).toMatchObject({ kind: 'done', answer: { status: 200, body: { sandbox_id: sandboxId } } });
    gate.release();
    await done;
    expect((await rowOf(operationId)).state).toBe('ready');
    expect(images()).toHaveLength(1);
    expect(await operation().outcomeOf(operationId)).toEqual(outcome);
  });

  it('nothing is there yet: unknown; what the slow process then makes it removes', async () => {
    const { operationId, gate, done } = await stopped('before');
    expect(await operation().outcomeOf(operationId)).toEqual({ kind: 'unknown' });
    expect((await rowOf(operationId)).state).toBe('deleting');
    gate.release();
    expect(await done).toMatchObject({ error: { code: 'operation_interrupted' } });
    expect(images()).toEqual([]);
    expect((await rowOf(operationId)).state).toBe('deleted');
  });

  it('a provider without a list: unknown, and ended once the take is over', async () => {
    provider.snapshots.lists = false;
    const { operationId, gate, done } = await stopped('after');
    expect(await operation().outcomeOf(operationId)).toEqual({ kind: 'unknown' });
    world.clockOffsetMs = 60_000;
    expect(await operation().outcomeOf(operationId)).toEqual({ kind: 'unknown' });
    expect((await rowOf(operationId)).state).toBe('deleted');
    gate.release();
    await done;
    expect(images()).toEqual([]);
  });

  it('unpaid: it goes, however often that is said, also while the provider is down', async () => {
    const wanted = call();
    await take(wanted);
    provider.snapshots.beforeRemove = down;
    await operation().revoke(wanted.operationId);
    expect((await rowOf(wanted.operationId)).state).toBe('deleting');
    provider.snapshots.beforeRemove = () => undefined;
    await operation().revoke(wanted.operationId);
    await operation().revoke(wanted.operationId);
    expect((await rowOf(wanted.operationId)).state).toBe('deleted');
    expect(images()).toEqual([]);
    const never = randomUUID();
    await operation().revoke(never);
    await expect(take({ ...call(), operationId: never })).rejects.toMatchObject({ code: 'operation_interrupted' });
  });
});

describe('keeping snapshots', () => {
  it('lists those of a wallet newest first, page by page, and of nobody else', async () => {
    const taken = [await take(), await take(), await take()].map(({ snapshot_id: id }) => id);
    const { keep } = world.sandboxes.snapshots;
    const first = await keep.page(owner, undefined, 2);
    expect(first).toMatchObject({ hasMore: true, snapshots: [{ id: taken[2] }, { id: taken[1] }] });
    const last = first.snapshots.at(-1)!;
    expect(await keep.page(owner, last, 2)).toMatchObject({ hasMore: false, snapshots: [{ id: taken[0] }] });
    expect(await keep.page(wallet(), undefined, 2)).toEqual({ hasMore: false, snapshots: [] });
  });

  it('deletes one for its owner only, and again without complaint', async () => {
    const { snapshot_id: id } = await take();
    const { keep } = world.sandboxes.snapshots;
    await expect(keep.delete(wallet(), id)).rejects.toMatchObject({ code: 'snapshot_not_found' });
    await expect(keep.usable(wallet(), id)).rejects.toMatchObject({ code: 'snapshot_not_found' });
    expect(await keep.usable(owner, id)).toMatchObject({ providerRef: images()[0] });
    provider.snapshots.beforeRemove = down;
    expect(await keep.delete(owner, id)).toEqual({ snapshot_id: id, status: 'deleting' });
    await expect(keep.usable(owner, id)).rejects.toMatchObject({ code: 'snapshot_not_found' });
    provider.snapshots.beforeRemove = () => undefined;
    for (let times = 0; times < 2; times++) expect(await keep.delete(owner, id)).toEqual({ snapshot_id: id, status: 'deleted' });
    expect(images()).toEqual([]);
  });
});

describe('the reaper of snapshots', () => {
  const problems: string[] = [];
  const alarms: string[] = [];
  const pass = (settings: Partial<{ stuckAfterMs: number; maxOrphans: number }> = {}) =>
    new ReapSnapshots(
      world.snapshotStore,
      world.sandboxes.snapshots.calls,
      world.sandboxes.snapshots.ender,
      { id: world.installationId, isDraining: () => Promise.resolve(false) },
      { nowMs: () => Date.now() + world.clockOffsetMs },
      { batch: 10, retryAfterMs: 0, stuckAfterMs: 60_000, orphanAgeMs: 60_000, maxOrphans: 5, ...settings },
      { problem: (message) => void problems.push(message), alarm: (message) => void alarms.push(message) },
    ).pass(new AbortController().signal);

  it('removes what has expired, and goes on where the provider failed', async () => {
    const wanted = { ...call(), ttlMs: 1 };
    await take(wanted);
    await take();
    provider.snapshots.beforeRemove = down;
    await pass();
    expect(problems).toHaveLength(1);
    expect((await rowOf(wanted.operationId)).state).toBe('deleting');
    provider.snapshots.beforeRemove = () => undefined;
    await pass();
    const row = await rowOf(wanted.operationId);
    expect(row.state).toBe('deleted');
    expect(await eventsOf(row.id)).toEqual(['requested', 'taking', 'taken', 'expired', 'deleted']);
    expect(images()).toHaveLength(1);
  });

  it('ends takes that nobody finished, with what they made', async () => {
    const { operationId, gate, done } = await stopped('after');
    await pass({ stuckAfterMs: 0 });
    expect((await rowOf(operationId)).state).toBe('deleted');
    expect(images()).toEqual([]);
    gate.release();
    await done;
    expect(images()).toEqual([]);
  });

  it('removes images that no row explains once they are old, and none where there are too many', async () => {
    const orphan = (snapshotId: string) =>
      provider.snapshots.images.set(`orphan-${snapshotId}`, {
        snapshotId,
        installationId: world.installationId,
        createdAt: new Date(),
      });
    await take();
    for (let n = 0; n < 3; n++) orphan(`sn-${n}`);
    await pass();
    expect(images()).toHaveLength(4);
    world.clockOffsetMs = 120_000;
    await pass({ maxOrphans: 2 });
    expect(images()).toHaveLength(4);
    expect(alarms).toHaveLength(1);
    await pass();
    expect(images()).toHaveLength(1);
  });
});

import { randomUUID } from 'node:crypto';
import { ProviderError, type ProviderErrorKind } from '@tollbox/sandboxes/application/ports/provider';
import { eventually } from '../contract/provider-contract';
import { Gate, hang, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { eventKinds, openWorld, ORDER, wallet, type World } from '../support/sandboxes/world';

describe('creating a sandbox', () => {
  let provider: ScriptedProvider;
  let world: World;
  beforeEach(async () => {
    provider = new ScriptedProvider();
    world = await openWorld(provider, {
      SANDBOX_MAX_LIVE_PER_OWNER: '3',
      SANDBOX_MAX_LIVE: '5',
      SANDBOX_CREATE_DEADLINE_MS: '1000',
    });
  });
  afterEach(() => world.close());

  const rowOf = async (operationId: string) =>
    (
      await world.query<{ id: string; state: string; desired_state: string; reason: string | null; provider_ref: string | null }>(
        'SELECT * FROM sandboxes WHERE operation_id = $1',
        [operationId],
      )
    )[0]!;

  it('writes the row first, and asks the provider for what was ordered plus the margin', async () => {
    provider.before.create = async () => {
      const rows = await world.query<{ state: string }>('SELECT state FROM sandboxes');
      expect(rows).toEqual([{ state: 'provisioning' }]);
    };
    const { answer, owner, operationId } = await world.create(undefined, { lifetimeMs: 60_000, memoryMiB: 128 });
    expect(provider.specs).toEqual([
      {
        sandboxId: answer.sandbox_id,
        installationId: world.installationId,
        owner,
        image: 'python:3.11',
        cpuMillis: 1000,
        memoryMiB: 128,
        gpu: null,
        lifetimeMs: 75_000,
      },
    ]);
    expect(answer).toMatchObject({
      status: 'running',
      config: { timeout: 60, memory: 128 },
      isolation: 'gvisor',
      network: 'none',
    });
    const [row] = await world.query<{ owner: string; lifetime: number; image_digest: string }>(
      `SELECT owner, image_digest, extract(epoch FROM deadline_at - started_at)::int AS lifetime FROM sandboxes`,
    );
    expect(row).toEqual({ owner, lifetime: 60, image_digest: 'sha256:abc' });
    expect(await eventKinds(world, answer.sandbox_id)).toEqual(['requested', 'provisioning', 'started']);
    expect(await world.query('SELECT id, sandbox_id FROM operations')).toEqual([
      { id: operationId, sandbox_id: answer.sandbox_id },
    ]);
    expect(world.phases).toEqual(['operation_running']);
  });

  it('never lets more sandboxes live than an owner may have, however many are asked for at once', async () => {
    const owner = wallet();
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => world.create(owner)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'sandbox_limit_reached' });
    expect(provider.objects.size).toBe(3);
    await expect(world.operation('sandbox.create').admit({ owner, body: {} })).rejects.toMatchObject({
      code: 'sandbox_limit_reached',
    });
    await expect(world.operation('sandbox.create').admit({ owner: wallet(), body: {} })).resolves.toBeUndefined();
  });

  it('never lets more sandboxes live than the installation may have', async () => {
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => world.create()));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    await expect(world.operation('sandbox.create').admit({ owner: wallet(), body: {} })).rejects.toMatchObject({
      code: 'sandbox_limit_reached',
    });
  });

  it('a refused create leaves nothing behind and its operation may start later', async () => {
    await world.query('UPDATE installation SET drained_at = now()');
    const operationId = randomUUID();
    const call = { owner: wallet(), operationId, order: ORDER };
    await expect(world.sandboxes.create.execute(call)).rejects.toMatchObject({ code: 'draining' });
    await expect(world.operation('sandbox.create').admit({ owner: wallet(), body: {} })).rejects.toMatchObject({
      code: 'draining',
    });
    expect(await world.query('SELECT 1 FROM sandboxes')).toEqual([]);
    await world.query('UPDATE installation SET drained_at = NULL');
    await expect(world.sandboxes.create.execute(call)).resolves.toMatchObject({ status: 'running' });
  });

  it('an ended sandbox frees its place', async () => {
    const owner = wallet();
    const created = [await world.create(owner), await world.create(owner), await world.create(owner)];
    const { sandbox_id: sandboxId } = created[0]!.answer;
    await world.sandboxes.terminate.execute({ owner, operationId: randomUUID(), sandboxId });
    await expect(world.create(owner)).resolves.toBeDefined();
  });

  it.each<[ProviderErrorKind, string]>([
    ['rate_limited', 'provider_rate_limited'],
    ['unavailable', 'provider_unavailable'],
    ['misconfigured', 'provider_unavailable'],
    ['invalid', 'internal'],
    ['internal', 'internal'],
  ])('a provider that fails with %s gives %s and a failed row', async (kind, code) => {
    provider.before.create = () => {
      throw new ProviderError(kind, 'no', { retryAfterMs: 7_100 });
    };
    const operationId = randomUUID();
    const creating = world.sandboxes.create.execute({ owner: wallet(), operationId, order: ORDER });
    await expect(creating).rejects.toMatchObject({
      code,
      ...(kind === 'rate_limited' || kind === 'unavailable' ? { retryAfterSeconds: 8 } : {}),
    });
    expect(await rowOf(operationId)).toMatchObject({ state: 'failed', reason: 'provider_error' });
  });

  it('a create past its deadline is a 504, its row unknown and ending, even when the provider ignores its signal', async () => {
    provider.before.create = () => new Promise(() => undefined);
    const operationId = randomUUID();
    const creating = world.sandboxes.create.execute({ owner: wallet(), operationId, order: ORDER });
    await expect(creating).rejects.toMatchObject({ code: 'operation_timeout' });
    expect(await rowOf(operationId)).toMatchObject({
      state: 'unknown',
      desired_state: 'terminated',
      reason: 'create_interrupted',
    });
  });

  it('a provider object that comes after the deadline is removed', async () => {
    const gate = new Gate();
    provider.before.create = gate.pass;
    await expect(world.create()).rejects.toMatchObject({ code: 'operation_timeout' });
    gate.release();
    await eventually(
      () => Promise.resolve(provider.calls.terminate),
      (count) => count === 1,
    );
    expect(provider.calls).toMatchObject({ create: 1, terminate: 1 });
    expect(provider.objects.size).toBe(0);
    expect(world.lateSandboxes).toEqual([]);
  });

  it('a late object that cannot be removed is told', async () => {
    const gate = new Gate();
    provider.before.create = gate.pass;
    provider.before.terminate = () => {
      throw new ProviderError('unavailable', 'no');
    };
    await expect(world.create()).rejects.toMatchObject({ code: 'operation_timeout' });
    gate.release();
    await eventually(
      () => Promise.resolve(world.lateSandboxes.length),
      (count) => count === 1,
    );
    expect(world.lateSandboxes).toHaveLength(1);
    expect(provider.objects.size).toBe(1);
  });

  it('a provider that gives up by itself at the deadline is told as the same 504', async () => {
    provider.before.create = hang;
    await expect(world.create()).rejects.toMatchObject({ code: 'operation_timeout' });
  });

  it('an operator who ends the sandbox while it is created wins: nothing stays, nothing is answered', async () => {
    const gate = new Gate();
    provider.after.create = gate.pass;
    const operationId = randomUUID();
    const creating = world.sandboxes.create.execute({ owner: wallet(), operationId, order: ORDER });
    const refused = expect(creating).rejects.toMatchObject({ code: 'operation_interrupted' });
    await gate.reached;
    const { id } = await rowOf(operationId);
    await world.sandboxes.ender.end(id, 'operator', { actor: 'key' });
    gate.release();
    await refused;
    expect(provider.objects.size).toBe(0);
    expect(await world.state(id)).toEqual({ state: 'terminated', desired_state: 'terminated', reason: 'operator' });
  });
});

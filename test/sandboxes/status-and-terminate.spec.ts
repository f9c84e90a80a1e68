import { randomUUID } from 'node:crypto';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { eventKinds, openWorld, type World } from '../support/sandboxes/world';

let provider: ScriptedProvider;
let world: World;
let owner: string;
let sandboxId: string;
beforeEach(async () => {
  provider = new ScriptedProvider();
  world = await openWorld(provider, { SANDBOX_TERMINATE_DEADLINE_MS: '1000' });
  const created = await world.create();
  owner = created.owner;
  sandboxId = created.answer.sandbox_id;
});
afterEach(() => world.close());

const status = () => world.sandboxes.status.execute({ owner, operationId: randomUUID(), sandboxId });
const terminate = () => world.sandboxes.terminate.execute({ owner, operationId: randomUUID(), sandboxId });

describe('status', () => {
  it('is what the provider sees now, and is recorded under its operation', async () => {
    expect(await status()).toMatchObject({ sandbox_id: sandboxId, status: 'running', returncode: null, reason: null });
    provider.end(sandboxId, { kind: 'ended', returncode: 3, outOfMemory: false });
    expect(await status()).toMatchObject({ status: 'terminated', returncode: 3, reason: 'entrypoint_exited' });
    expect(await world.state(sandboxId)).toEqual({ state: 'finished', desired_state: 'terminated', reason: 'entrypoint_exited' });
    expect(await status()).toMatchObject({ status: 'terminated', returncode: 3 });
    expect(provider.calls.inspect).toBe(2);
    const operations = await world.query<{ sandbox_id: string }>(
      `SELECT sandbox_id FROM operations WHERE name = 'sandbox.status'`,
    );
    expect(operations).toEqual(Array(3).fill({ sandbox_id: sandboxId }));
    expect((await eventKinds(world, sandboxId)).filter((kind) => kind === 'status_asked')).toHaveLength(3);
  });

  it('says terminated at the first not-found, and calls the sandbox lost at the second', async () => {
    provider.end(sandboxId, { kind: 'not_found' });
    expect(await status()).toMatchObject({ status: 'terminated', reason: 'provider_lost' });
    expect((await world.state(sandboxId)).state).toBe('running');
    expect(await status()).toMatchObject({ status: 'terminated', reason: 'provider_lost' });
    expect(await world.state(sandboxId)).toMatchObject({ state: 'lost', reason: 'provider_lost' });
  });

  it('forgets a not-found that proved wrong', async () => {
    const objects = [...provider.objects];
    provider.objects.clear();
    await status();
    for (const [ref, object] of objects) provider.objects.set(ref, object);
    expect(await status()).toMatchObject({ status: 'running' });
    provider.objects.clear();
    await status();
    expect((await world.state(sandboxId)).state).toBe('running');
  });

  it('says nothing while the provider is down', async () => {
    provider.before.inspect = () => {
      throw new ProviderError('unavailable', 'down');
    };
    await expect(status()).rejects.toMatchObject({ code: 'provider_unavailable' });
  });
});

describe('terminate', () => {
  it('ends the sandbox, and changes nothing the second time', async () => {
    expect(await terminate()).toEqual({ sandbox_id: sandboxId, status: 'terminated' });
    expect(provider.objects.size).toBe(0);
    expect(await world.state(sandboxId)).toEqual({ state: 'terminated', desired_state: 'terminated', reason: 'requested' });
    expect(await terminate()).toEqual({ sandbox_id: sandboxId, status: 'terminated' });
    expect(provider.calls.terminate).toBe(1);
    expect(await status()).toMatchObject({ status: 'terminated', reason: 'requested' });
  });

  it('ten at once, from two processes, end it once', async () => {
    const other = world.another();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        (index % 2 === 0 ? world.sandboxes : other).terminate.execute({ owner, operationId: randomUUID(), sandboxId }),
      ),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    const kinds = await eventKinds(world, sandboxId);
    for (const kind of ['end_requested', 'terminating', 'terminated'])
      expect(kinds.filter((other) => other === kind)).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'terminate_ordered')).toHaveLength(10);
  });

  it('ends a sandbox that the provider does not know any more', async () => {
    provider.before.terminate = () => {
      throw new ProviderError('not_found', 'no such container');
    };
    expect(await terminate()).toMatchObject({ status: 'terminated' });
    expect((await world.state(sandboxId)).state).toBe('terminated');
  });

  it('is not answered while the provider is down, and no exec runs any more', async () => {
    provider.before.terminate = () => new Promise(() => undefined);
    await expect(terminate()).rejects.toMatchObject({ code: 'operation_timeout' });
    expect(await world.state(sandboxId)).toEqual({ state: 'terminating', desired_state: 'terminated', reason: 'requested' });
    const admit = world.operation('sandbox.exec').admit({ owner, body: { sandbox_id: sandboxId, command: ['ls'], timeout: 5 } });
    await expect(admit).rejects.toMatchObject({ code: 'sandbox_gone' });
  });

  it('does not reach into another provider', async () => {
    const modal = new ScriptedProvider();
    Object.defineProperty(modal, 'name', { value: 'modal' });
    const other = world.another({}, modal);
    const call = { owner, operationId: randomUUID(), sandboxId };
    await expect(other.terminate.execute(call)).rejects.toMatchObject({ code: 'provider_unavailable' });
    expect(modal.calls.terminate).toBe(0);
  });

  it('keeps the first reason', async () => {
    await world.sandboxes.ender.end(sandboxId, 'deadline', { actor: 'reaper' });
    await terminate();
    expect((await world.state(sandboxId)).reason).toBe('deadline');
  });
});

import { randomUUID } from 'node:crypto';
import type { SandboxProvider } from '@tollbox/sandboxes/application/ports/provider';
import { testContainerProvider } from '../contract/container-subject';
import { eventKinds, openWorld, ORDER, wallet, type World } from '../support/sandboxes/world';

/** The lifecycle over a real container engine; races and failures are in the other specs of this folder. */
describe('sandboxes on a container engine', () => {
  let provider: SandboxProvider;
  let world: World;
  beforeAll(async () => {
    provider = await testContainerProvider();
    world = await openWorld(provider, { EXEC_MAX_OUTPUT_BYTES: '1024' });
  });
  afterAll(async () => {
    const signal = AbortSignal.timeout(30_000);
    for (const handle of await provider.list(world.installationId, signal)) await provider.terminate(handle, signal);
    await provider.close();
    await world.close();
  });

  const objects = async () => provider.list(world.installationId, AbortSignal.timeout(10_000));
  const python = (owner: string, sandboxId: string, code: string, timeoutMs = 20_000) =>
    world.sandboxes.exec.execute({ owner, operationId: randomUUID(), sandboxId, argv: ['python', '-c', code], timeoutMs });

  it('a session: create, exec, status, terminate', async () => {
    const { answer, owner } = await world.create();
    const sandboxId = answer.sandbox_id;
    expect(await python(owner, sandboxId, 'print(2+2)')).toMatchObject({
      stdout: '4\n',
      stderr: '',
      returncode: 0,
      timed_out: false,
    });
    const failing = await python(owner, sandboxId, 'import sys; sys.stderr.write("no\\n"); sys.exit(3)');
    expect(failing).toMatchObject({ stdout: '', stderr: 'no\n', returncode: 3 });
    const long = await python(owner, sandboxId, 'print("€" * 1000, end="")');
    expect(long).toMatchObject({ stdout: '€'.repeat(341), stdout_truncated: true });
    const slow = await python(owner, sandboxId, 'import time; print("on", flush=True); time.sleep(60)', 1_000);
    expect(slow).toMatchObject({ stdout: 'on\n', timed_out: true });
    const status = { owner, operationId: randomUUID(), sandboxId };
    expect(await world.sandboxes.status.execute(status)).toMatchObject({ status: 'running', returncode: null });
    const terminate = { owner, operationId: randomUUID(), sandboxId };
    expect(await world.sandboxes.terminate.execute(terminate)).toEqual({ sandbox_id: sandboxId, status: 'terminated' });
    await expect(python(owner, sandboxId, 'print(1)')).rejects.toMatchObject({ code: 'sandbox_gone' });
    expect((await objects()).filter((object) => object.sandboxId === sandboxId)).toEqual([]);
  });

  it('a sandbox that somebody removed behind our back is gone, then lost', async () => {
    const { answer, owner } = await world.create();
    const object = (await objects()).find(({ sandboxId }) => sandboxId === answer.sandbox_id)!;
    await provider.terminate(object, AbortSignal.timeout(20_000));
    await expect(python(owner, answer.sandbox_id, 'print(1)')).rejects.toMatchObject({ code: 'sandbox_gone' });
    expect(await world.state(answer.sandbox_id)).toMatchObject({ state: 'lost', reason: 'provider_lost' });
  });

  it('a create whose process died with the container made is adopted, and usable', async () => {
    const owner = wallet();
    const operationId = randomUUID();
    const change = world.store.change.bind(world.store);
    const died = new Error('this process died');
    const dying = jest.spyOn(world.store, 'change').mockImplementation((wanted) => {
      if (wanted.to === 'running') return Promise.reject(died);
      return change(wanted);
    });
    await expect(world.sandboxes.create.execute({ owner, operationId, order: ORDER })).rejects.toBe(died);
    dying.mockRestore();
    const outcome = await world.operation('sandbox.create').outcomeOf(operationId);
    expect(outcome).toMatchObject({ kind: 'done', answer: { body: { status: 'running' } } });
    const sandbox = (await world.store.findByOperation(operationId))!;
    expect(await eventKinds(world, sandbox.id)).toEqual(['requested', 'provisioning', 'adopted']);
    expect(await python(owner, sandbox.id, 'print("alive")')).toMatchObject({ stdout: 'alive\n' });
    await world.operation('sandbox.create').revoke(operationId);
    expect((await objects()).filter(({ sandboxId }) => sandboxId === sandbox.id)).toEqual([]);
  });
});

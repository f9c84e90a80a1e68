import { randomUUID } from 'node:crypto';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { Gate, processOf, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { eventKinds, openWorld, ORDER, wallet, type World } from '../support/sandboxes/world';

let provider: ScriptedProvider;
let world: World;
beforeEach(async () => {
  provider = new ScriptedProvider();
  world = await openWorld(provider);
});
afterEach(() => world.close());

const outcomeOf = (name: string, operationId: string) => world.operation(name).outcomeOf(operationId);
const sandboxOf = async (operationId: string) => (await world.store.findByOperation(operationId))!;

describe('what became of a create', () => {
  const call = () => ({ owner: wallet(), operationId: randomUUID(), order: ORDER });

  /** A create that stops where the gate stands; `done` is how it ends. */
  async function stopped(where: 'before' | 'after') {
    const gate = new Gate();
    provider[where].create = gate.pass;
    const running = call();
    const done = world.sandboxes.create.execute(running).then(
      (answer) => ({ answer }),
      (error: unknown) => ({ error }),
    );
    await gate.reached;
    return { ...running, gate, done };
  }

  it('never started: not_started, and the slow process cannot start it any more', async () => {
    const late = call();
    expect(await outcomeOf('sandbox.create', late.operationId)).toEqual({ kind: 'not_started' });
    expect(await outcomeOf('sandbox.create', late.operationId)).toEqual({ kind: 'not_started' });
    await expect(world.sandboxes.create.execute(late)).rejects.toMatchObject({ code: 'operation_interrupted' });
    expect(provider.calls.create).toBe(0);
    expect(await world.query('SELECT 1 FROM sandboxes')).toEqual([]);
  });

  it('only requested: not_started, and the slow process cannot go on', async () => {
    const running = call();
    const change = world.store.change.bind(world.store);
    const gate = new Gate();
    jest.spyOn(world.store, 'change').mockImplementationOnce(async (wanted) => {
      await gate.pass();
      return change(wanted);
    });
    const done = expect(world.sandboxes.create.execute(running)).rejects.toMatchObject({ code: 'operation_interrupted' });
    await gate.reached;
    expect(await outcomeOf('sandbox.create', running.operationId)).toEqual({ kind: 'not_started' });
    gate.release();
    await done;
    expect(provider.calls.create).toBe(0);
    expect(await sandboxOf(running.operationId)).toMatchObject({ state: 'failed', reason: 'create_interrupted' });
  });

  it('running: done, with the very answer', async () => {
    const { answer, operationId } = await world.create();
    const outcome = await outcomeOf('sandbox.create', operationId);
    expect(JSON.stringify(outcome)).toBe(JSON.stringify({ kind: 'done', answer: { status: 200, body: answer } }));
  });

  it('provisioning, the object is there: adopted and done; the slow process answers the same', async () => {
    const { operationId, gate, done } = await stopped('after');
    const outcome = await outcomeOf('sandbox.create', operationId);
    expect(outcome).toMatchObject({ kind: 'done', answer: { status: 200, body: { status: 'running' } } });
    gate.release();
    expect(await done).toEqual({ answer: outcome.kind === 'done' ? outcome.answer.body : null });
    const sandbox = await sandboxOf(operationId);
    expect(sandbox).toMatchObject({ state: 'running', desiredState: 'running' });
    expect(await eventKinds(world, sandbox.id)).toEqual(['requested', 'provisioning', 'adopted']);
    expect(provider.objects.size).toBe(1);
  });

  it('provisioning, nothing is there yet: unknown; what the slow process then makes it removes', async () => {
    const { operationId, gate, done } = await stopped('before');
    expect(await outcomeOf('sandbox.create', operationId)).toEqual({ kind: 'unknown' });
    expect(await sandboxOf(operationId)).toMatchObject({ state: 'terminating', reason: 'create_interrupted' });
    gate.release();
    expect(await done).toMatchObject({ error: { code: 'operation_interrupted' } });
    expect(provider.objects.size).toBe(0);
    expect(await sandboxOf(operationId)).toMatchObject({ state: 'terminated' });
    expect(await outcomeOf('sandbox.create', operationId)).toEqual({ kind: 'unknown' });
  });

  it('provisioning, the object is there and does not run: unknown and removed', async () => {
    const { operationId, gate, done } = await stopped('after');
    provider.end((await sandboxOf(operationId)).id, { kind: 'ended', returncode: 1, outOfMemory: false });
    expect(await outcomeOf('sandbox.create', operationId)).toEqual({ kind: 'unknown' });
    expect(provider.objects.size).toBe(0);
    gate.release();
    expect(await done).toMatchObject({ error: { code: 'operation_interrupted' } });
  });

  it('provisioning, the provider does not answer: unknown, and the end is recorded', async () => {
    const { operationId, gate, done } = await stopped('after');
    provider.before.list = () => {
      throw new ProviderError('unavailable', 'down');
    };
    expect(await outcomeOf('sandbox.create', operationId)).toEqual({ kind: 'unknown' });
    expect(await sandboxOf(operationId)).toMatchObject({ desiredState: 'terminated' });
    delete provider.before.list;
    gate.release();
    expect(await done).toMatchObject({ error: { code: 'operation_interrupted' } });
    expect(provider.objects.size).toBe(0);
  });

  it('failed by the provider: not_started', async () => {
    provider.before.create = () => {
      throw new ProviderError('unavailable', 'no');
    };
    const running = call();
    await expect(world.sandboxes.create.execute(running)).rejects.toBeDefined();
    expect(await outcomeOf('sandbox.create', running.operationId)).toEqual({ kind: 'not_started' });
  });

  it('timed out: unknown', async () => {
    const quick = world.another({ SANDBOX_CREATE_DEADLINE_MS: '1000' });
    provider.before.create = () => new Promise(() => undefined);
    const running = call();
    await expect(quick.create.execute(running)).rejects.toMatchObject({ code: 'operation_timeout' });
    expect(await outcomeOf('sandbox.create', running.operationId)).toEqual({ kind: 'unknown' });
  });

  it('ended before anybody was told: unknown, because nobody could use it', async () => {
    const { answer, operationId } = await world.create();
    world.clockOffsetMs = 301_000;
    expect(await outcomeOf('sandbox.create', operationId)).toEqual({ kind: 'unknown' });
    expect(await world.state(answer.sandbox_id)).toMatchObject({ state: 'terminated' });
    expect(provider.objects.size).toBe(0);
  });

  it('revoked: the sandbox ends as unpaid, once and for all', async () => {
    const { answer, operationId } = await world.create();
    const { revoke } = { revoke: (id: string) => world.operation('sandbox.create').revoke(id) };
    await Promise.all([revoke(operationId), revoke(operationId), revoke(operationId)]);
    await revoke(operationId);
    expect(await world.state(answer.sandbox_id)).toEqual({ state: 'terminated', desired_state: 'terminated', reason: 'unpaid' });
    expect(provider.objects.size).toBe(0);
    const kinds = await eventKinds(world, answer.sandbox_id);
    expect(kinds).toEqual(['requested', 'provisioning', 'started', 'end_requested', 'terminating', 'terminated']);
  });

  it('revoked while the provider is down: the end is recorded, the reaper carries it out', async () => {
    const { answer, operationId } = await world.create();
    provider.before.terminate = () => {
      throw new ProviderError('unavailable', 'down');
    };
    await world.operation('sandbox.create').revoke(operationId);
    expect(await world.state(answer.sandbox_id)).toEqual({ state: 'terminating', desired_state: 'terminated', reason: 'unpaid' });
  });

  it('revoked before it started: it never starts', async () => {
    const late = call();
    await world.operation('sandbox.create').revoke(late.operationId);
    await expect(world.sandboxes.create.execute(late)).rejects.toMatchObject({ code: 'operation_interrupted' });
  });
});

describe('what became of an exec', () => {
  const call = async () => {
    const { answer, owner } = await world.create();
    return { owner, operationId: randomUUID(), sandboxId: answer.sandbox_id, argv: ['echo', 'hi'], timeoutMs: 5_000 };
  };

  it('never started: not_started, and the slow process cannot start it any more', async () => {
    const late = await call();
    expect(await outcomeOf('sandbox.exec', late.operationId)).toEqual({ kind: 'not_started' });
    await expect(world.sandboxes.exec.execute(late)).rejects.toMatchObject({ code: 'operation_interrupted' });
    expect(provider.calls.exec).toBe(0);
  });

  it('finished: done, with the very bytes of the answer', async () => {
    provider.command = () => processOf(Uint8Array.from([0x34, 0xff, 0x00, 0x0a]), 'warn €', 3);
    const running = await call();
    const answer = await world.sandboxes.exec.execute(running);
    const outcome = await outcomeOf('sandbox.exec', running.operationId);
    expect(JSON.stringify(outcome)).toBe(JSON.stringify({ kind: 'done', answer: { status: 200, body: answer } }));
    expect(answer).toMatchObject({ stdout: '4\u{FFFD}\0\n', stderr: 'warn €', returncode: 3 });
  });

  it('started: unknown, and the slow process cannot finish it any more', async () => {
    const gate = new Gate();
    provider.after.exec = gate.pass;
    const running = await call();
    const done = expect(world.sandboxes.exec.execute(running)).rejects.toMatchObject({ code: 'execution_lost' });
    await gate.reached;
    expect(await outcomeOf('sandbox.exec', running.operationId)).toEqual({ kind: 'unknown' });
    gate.release();
    await done;
    expect(await outcomeOf('sandbox.exec', running.operationId)).toEqual({ kind: 'unknown' });
    const rows = await world.query('SELECT state, error, stdout FROM executions');
    expect(rows).toEqual([{ state: 'failed', error: 'lost', stdout: null }]);
  });

  it('revoking does nothing', async () => {
    const running = await call();
    await world.sandboxes.exec.execute(running);
    await world.operation('sandbox.exec').revoke(running.operationId);
    expect(await outcomeOf('sandbox.exec', running.operationId)).toMatchObject({ kind: 'done' });
  });
});

describe('what became of a status or a terminate', () => {
  it('a status is only read: not_started', async () => {
    const { answer, owner } = await world.create();
    const operationId = randomUUID();
    await world.sandboxes.status.execute({ owner, operationId, sandboxId: answer.sandbox_id });
    expect(await outcomeOf('sandbox.status', operationId)).toEqual({ kind: 'not_started' });
    await world.operation('sandbox.status').revoke(operationId);
    expect((await world.state(answer.sandbox_id)).state).toBe('running');
  });

  it('a terminate that never started: not_started, and it cannot start any more', async () => {
    const { answer, owner } = await world.create();
    const call = { owner, operationId: randomUUID(), sandboxId: answer.sandbox_id };
    expect(await outcomeOf('sandbox.terminate', call.operationId)).toEqual({ kind: 'not_started' });
    await expect(world.sandboxes.terminate.execute(call)).rejects.toMatchObject({ code: 'operation_interrupted' });
    expect((await world.state(answer.sandbox_id)).state).toBe('running');
  });

  it('a terminate that was recorded is carried to its end: done', async () => {
    const { answer, owner } = await world.create();
    const gate = new Gate();
    provider.before.terminate = ({ times }) => (times === 1 ? gate.pass() : undefined);
    const call = { owner, operationId: randomUUID(), sandboxId: answer.sandbox_id };
    const slow = world.sandboxes.terminate.execute(call);
    await gate.reached;
    expect(await outcomeOf('sandbox.terminate', call.operationId)).toEqual({
      kind: 'done',
      answer: { status: 200, body: { sandbox_id: answer.sandbox_id, status: 'terminated' } },
    });
    expect((await world.state(answer.sandbox_id)).state).toBe('terminated');
    gate.release();
    expect(await slow).toEqual({ sandbox_id: answer.sandbox_id, status: 'terminated' });
    expect((await eventKinds(world, answer.sandbox_id)).filter((kind) => kind === 'terminated')).toHaveLength(1);
  });

  it('while the provider is down the question stays open', async () => {
    const { answer, owner } = await world.create();
    provider.before.terminate = () => {
      throw new ProviderError('unavailable', 'down');
    };
    const call = { owner, operationId: randomUUID(), sandboxId: answer.sandbox_id };
    await expect(world.sandboxes.terminate.execute(call)).rejects.toMatchObject({ code: 'provider_unavailable' });
    await expect(outcomeOf('sandbox.terminate', call.operationId)).rejects.toBeInstanceOf(ProviderError);
    delete provider.before.terminate;
    expect(await outcomeOf('sandbox.terminate', call.operationId)).toMatchObject({ kind: 'done' });
  });
});

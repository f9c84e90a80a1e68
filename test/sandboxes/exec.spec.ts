import { createHash, randomUUID } from 'node:crypto';
import { ProviderError, type ProviderErrorKind } from '@tollbox/sandboxes/application/ports/provider';
import { eventually } from '../contract/provider-contract';
import { Gate, hang, processOf, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, wallet, type World } from '../support/sandboxes/world';

describe('running a command', () => {
  let provider: ScriptedProvider;
  let world: World;
  let owner: string;
  let sandboxId: string;
  beforeEach(async () => {
    provider = new ScriptedProvider();
    world = await openWorld(provider, {
      EXEC_MAX_OUTPUT_BYTES: '1024',
      EXEC_MAX_CONCURRENT_PER_SANDBOX: '3',
      EXEC_OVERHEAD_MS: '1000',
    });
    const created = await world.create();
    owner = created.owner;
    sandboxId = created.answer.sandbox_id;
  });
  afterEach(() => world.close());

  const exec = (overrides: { operationId?: string; owner?: string; sandboxId?: string; timeoutMs?: number } = {}) =>
    world.sandboxes.exec.execute({
      owner,
      operationId: randomUUID(),
      sandboxId,
      argv: ['echo', 'hi'],
      timeoutMs: 5_000,
      ...overrides,
    });
  const admit = (as = owner, id = sandboxId) =>
    world.operation('sandbox.exec').admit({ owner: as, body: { sandbox_id: id, command: ['ls'], timeout: 5 } });

  it('answers output and exit code, and records argv, bytes and digests', async () => {
    provider.command = () => processOf('4\n', 'oops', 2);
    const answer = await exec();
    expect(answer).toMatchObject({
      sandbox_id: sandboxId,
      stdout: '4\n',
      stderr: 'oops',
      returncode: 2,
      timed_out: false,
      stdout_truncated: false,
      stderr_truncated: false,
    });
    const [row] = await world.query('SELECT * FROM executions');
    expect(row).toMatchObject({
      owner,
      state: 'finished',
      argv: ['echo', 'hi'],
      returncode: 2,
      stdout: Buffer.from('4\n'),
      stdout_bytes: '2',
      stdout_sha256: createHash('sha256').update('4\n').digest('hex'),
      stderr_bytes: '4',
      duration_ms: answer.duration_ms,
    });
  });

  it('keeps the beginning of a long output and knows all of it', async () => {
    const long = 'é'.repeat(700);
    provider.command = () => processOf(`a${long}`, '', 0, true);
    const answer = await exec();
    expect(answer.stdout).toBe(`a${'é'.repeat(511)}`);
    expect(answer).toMatchObject({ timed_out: true, stdout_truncated: true, stderr_truncated: false });
    const [row] = await world.query('SELECT stdout_bytes, stdout_sha256 FROM executions');
    expect(row).toEqual({ stdout_bytes: '1401', stdout_sha256: createHash('sha256').update(`a${long}`).digest('hex') });
  });

  it('runs only so many commands in one sandbox at once', async () => {
    const gate = new Gate();
    provider.before.exec = gate.pass;
    const results = Array.from({ length: 9 }, () => exec());
    const settled = Promise.allSettled(results);
    let refused = 0;
    for (const result of results) result.catch(() => refused++);
    await eventually(
      () => Promise.resolve(refused),
      (count) => count === 6,
    );
    expect(refused).toBe(6);
    await expect(admit()).rejects.toMatchObject({ code: 'sandbox_busy', retryAfterSeconds: 1 });
    gate.release();
    const outcomes = await settled;
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'sandbox_busy' });
    await expect(admit()).resolves.toBeUndefined();
  });

  it('a command that a dead process left behind does not count for ever', async () => {
    await world.query(
      `INSERT INTO operations (id, name, sandbox_id, state, at)
       SELECT gen_random_uuid(), 'sandbox.exec', $1, 'started', now() - interval '7 s' FROM generate_series(1, 5)`,
      [sandboxId],
    );
    await world.query(
      `INSERT INTO executions (id, operation_id, sandbox_id, owner, argv, timeout_ms, state, started_at)
       SELECT gen_random_uuid(), id, $1, $2, '[]', 5000, 'started', at FROM operations
       WHERE sandbox_id = $1 AND name = 'sandbox.exec' AND at < now() - interval '6 s'`,
      [sandboxId, owner],
    );
    await expect(admit()).resolves.toBeUndefined();
    await expect(exec()).resolves.toMatchObject({ returncode: 0 });
  });

  it('a sandbox that has ended is gone, however it ended', async () => {
    await world.sandboxes.ender.end(sandboxId, 'operator', { actor: 'key' });
    await expect(admit()).rejects.toMatchObject({ code: 'sandbox_gone', body: { reason: 'operator' } });
    await expect(exec()).rejects.toMatchObject({ code: 'sandbox_gone', body: { reason: 'operator' } });
    expect(await world.query('SELECT 1 FROM executions')).toEqual([]);
  });

  it.each([
    [{ kind: 'ended', returncode: 137, outOfMemory: true }, 'out_of_memory', /memory/],
    [{ kind: 'ended', returncode: 1, outOfMemory: false }, 'entrypoint_exited', /first process/],
    [{ kind: 'not_found' }, 'provider_lost', /lost/],
  ] as const)('says why it is gone: %p', async (state, reason, words) => {
    provider.end(sandboxId, state);
    const gone = { code: 'sandbox_gone', body: { reason }, message: expect.stringMatching(words) as string };
    await expect(exec()).rejects.toMatchObject(gone);
    await expect(exec()).rejects.toMatchObject(gone);
    await expect(admit()).rejects.toMatchObject(gone);
  });

  it('a sandbox whose time is over is gone, before the reaper has come', async () => {
    await world.query(`UPDATE sandboxes SET deadline_at = now() - interval '1 ms'`);
    await expect(admit()).rejects.toMatchObject({ code: 'sandbox_gone' });
    await expect(exec()).rejects.toMatchObject({ code: 'sandbox_gone' });
    expect(provider.calls.exec).toBe(0);
  });

  it.each([
    [{ kind: 'ended', returncode: 137, outOfMemory: true } as const, { state: 'finished', reason: 'out_of_memory' }],
    [{ kind: 'ended', returncode: 0, outOfMemory: false } as const, { state: 'finished', reason: 'entrypoint_exited' }],
    [{ kind: 'not_found' } as const, { state: 'lost', reason: 'provider_lost' }],
  ])('finding the sandbox %j gone is a 410 that is written down', async (state, row) => {
    provider.end(sandboxId, state);
    await expect(exec()).rejects.toMatchObject({ code: 'sandbox_gone' });
    expect(await world.state(sandboxId)).toMatchObject(row);
    expect(await world.query('SELECT state, error FROM executions')).toEqual([{ state: 'failed', error: 'gone' }]);
    await expect(admit()).rejects.toMatchObject({ code: 'sandbox_gone' });
  });

  it('finding it gone while the provider cannot be asked is the same 410', async () => {
    provider.end(sandboxId, { kind: 'not_found' });
    provider.before.inspect = () => {
      throw new ProviderError('unavailable', 'down');
    };
    await expect(exec()).rejects.toMatchObject({ code: 'sandbox_gone' });
    expect((await world.state(sandboxId)).state).toBe('running');
  });

  it.each<[ProviderErrorKind, string, boolean]>([
    ['rate_limited', 'provider_rate_limited', true],
    ['misconfigured', 'provider_unavailable', true],
    ['invalid', 'internal', true],
    ['unavailable', 'execution_lost', false],
    ['internal', 'execution_lost', false],
    ['timeout', 'operation_timeout', false],
  ])('a provider that fails with %s: %s; the same payment may run it again: %s', async (kind, code, retryable) => {
    provider.before.exec = () => {
      throw new ProviderError(kind, 'no');
    };
    const error: unknown = await exec().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, definition: { retryable } });
    expect(await world.query('SELECT state, error FROM executions')).toEqual([{ state: 'failed', error: kind }]);
  });

  it('a stream that breaks is no answer, and the command may not run twice', async () => {
    provider.command = () => ({
      // eslint-disable-next-line require-yield -- a stream that fails at once
      stdout: (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
        await Promise.reject(new ProviderError('unavailable', 'connection lost'));
      })(),
      ...(({ stderr, exit }) => ({ stderr, exit }))(processOf('')),
    });
    await expect(exec()).rejects.toMatchObject({ code: 'execution_lost' });
  });

  it('a command that outlives its timeout and the overhead is a 504', async () => {
    provider.after.exec = hang;
    await expect(exec({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'operation_timeout' });
  });

  it("a stranger's sandbox and an unknown one give the same answer, and run nothing", async () => {
    const stranger = wallet();
    const errors: unknown[] = [];
    for (const id of [sandboxId, 'sb-SKt5nLL9syMDmcmMTMfhHP', 'x', "sb-'\0"]) {
      for (const operation of ['sandbox.exec', 'sandbox.status', 'sandbox.terminate'])
        errors.push(
          await world
            .operation(operation)
            .admit({ owner: stranger, body: { sandbox_id: id, command: ['ls'], timeout: 5 } })
            .catch((e: unknown) => e),
        );
      const call = { owner: stranger, operationId: randomUUID(), sandboxId: id };
      errors.push(await world.sandboxes.exec.execute({ ...call, argv: ['ls'], timeoutMs: 1_000 }).catch((e: unknown) => e));
      errors.push(await world.sandboxes.status.execute(call).catch((e: unknown) => e));
      errors.push(await world.sandboxes.terminate.execute(call).catch((e: unknown) => e));
    }
    const faces = errors.map((error) => {
      const { code, message, details, retryAfterSeconds } = error as Record<string, unknown>;
      return JSON.stringify({ code, message, details, retryAfterSeconds });
    });
    expect(new Set(faces).size).toBe(1);
    expect(errors[0]).toMatchObject({ code: 'sandbox_not_found' });
    expect((await world.state(sandboxId)).state).toBe('running');
    expect(provider.calls.exec + provider.calls.terminate).toBe(0);
    expect(await world.query(`SELECT 1 FROM operations WHERE name <> 'sandbox.create'`)).toEqual([]);
    expect(world.refusals).toHaveLength(6);
    expect(world.refusals[0]).toEqual({ owner: stranger, sandboxId, operation: 'sandbox.exec' });
  });
});

import { randomUUID } from 'node:crypto';
import { systemIds } from '@tollbox/platform/clock/random';
import { KeepPool } from '@tollbox/sandboxes/application/keep-pool';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { poolSettings } from '@tollbox/sandboxes/application/pool-settings';
import { PgPoolStore } from '@tollbox/sandboxes/infrastructure/persistence/pool-rows';
import { Gate, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { eventKinds, openWorld, ORDER, wallet, type World } from '../support/sandboxes/world';

const running = new AbortController().signal;
const PLAIN = { ...ORDER, memoryMiB: 512 };

describe('the warm pool', () => {
  let provider: ScriptedProvider;
  let world: World;
  const problems: string[] = [];
  let ids = 0;
  beforeEach(async () => {
    provider = new ScriptedProvider();
    world = await openWorld(provider, { POOL_MAX: '8', POOL_MIN: '3', SANDBOX_MAX_LIVE_PER_OWNER: '30' });
    problems.length = 0;
  });
  afterEach(() => world.close());

  const keeper = (overrides: Partial<ReturnType<typeof poolSettings>> = {}, holder = 'one') =>
    new KeepPool(
      new PgPoolStore(world.pool),
      world.store,
      world.sandboxes.provider,
      { id: world.installationId, isDraining: () => Promise.resolve(false) },
      systemIds,
      () => `sb-member${(ids += 1)}`,
      { ...poolSettings(world.config, holder), ...overrides },
      (message) => void problems.push(message),
    );
  const members = () =>
    world.query<{
      id: string;
      owner: string | null;
      state: string;
      desired_state: string;
      operation_id: string;
      reason: string | null;
    }>('SELECT id, owner, state, desired_state, operation_id, reason FROM sandboxes WHERE owner IS NULL ORDER BY created_at, id');
  const buy = (owner = wallet(), order = PLAIN) => world.create(owner, order);

  it('keeps the least number of members, and sells one without asking the provider to make anything', async () => {
    await keeper().run(running);
    await keeper().run(running);
    expect(await members()).toHaveLength(3);
    expect(provider.calls.create).toBe(3);
    expect(provider.specs[0]).toMatchObject({ memoryMiB: 512, lifetimeMs: 900_000 + 300_000 + 15_000 });
    const before = Date.now();
    const { answer, owner, operationId } = await buy(wallet(), { ...PLAIN, lifetimeMs: 60_000 });
    expect(provider.calls.create).toBe(3);
    expect(answer.config).toMatchObject({ timeout: 60, memory: 512 });
    expect(Date.parse(answer.created_at)).toBeGreaterThanOrEqual(before - 1_000);
    expect(Date.parse(answer.expires_at) - Date.parse(answer.created_at)).toBe(60_000);
    expect(await world.store.find(answer.sandbox_id)).toMatchObject({ owner, operationId, state: 'running', lifetimeMs: 60_000 });
    expect(await eventKinds(world, answer.sandbox_id)).toEqual(['requested', 'provisioning', 'pooled', 'claimed']);
    expect(await world.operation('sandbox.create').outcomeOf(operationId)).toEqual({
      kind: 'done',
      answer: { status: 200, body: answer },
    });
    await expect(
      world.sandboxes.exec.execute({
        owner,
        operationId: randomUUID(),
        sandboxId: answer.sandbox_id,
        argv: ['a'],
        timeoutMs: 1_000,
      }),
    ).resolves.toMatchObject({ returncode: 0 });
  });

  it('gives no member to two, whatever comes at the same time; who gets none gets one of their own', async () => {
    await keeper({ min: 5 }).run(running);
    const pooled = new Set((await members()).map(({ id }) => id));
    const other = world.another();
    const bought = await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        (index % 2 === 0 ? world.sandboxes : other).create.execute({ owner: wallet(), operationId: randomUUID(), order: PLAIN }),
      ),
    );
    const sold = bought.map(({ sandbox_id: id }) => id);
    expect(new Set(sold).size).toBe(16);
    expect(sold.filter((id) => pooled.has(id)).length).toBeGreaterThan(0);
    expect(sold.filter((id) => pooled.has(id)).length + provider.calls.create - 5).toBe(16);
    expect(
      await world.query(`SELECT 1 FROM sandbox_events WHERE kind = 'claimed' GROUP BY sandbox_id HAVING count(*) > 1`),
    ).toEqual([]);
    expect(await world.query(`SELECT 1 FROM operations WHERE state = 'started'`)).toHaveLength(16);
  });

  it('makes what asks for more than the profile for itself', async () => {
    await keeper().run(running);
    await buy(wallet(), { ...PLAIN, memoryMiB: 256 });
    await buy(wallet(), { ...PLAIN, ports: [8_080] });
    expect(provider.calls.create).toBe(5);
    expect(await members()).toHaveLength(3);
  });

  it('sells no member that does not run any more, and ends it', async () => {
    await keeper({ min: 1 }).run(running);
    const [dead] = await members();
    provider.end(dead!.id, { kind: 'ended', returncode: 137, outOfMemory: false });
    const { answer } = await buy();
    expect(answer.sandbox_id).not.toBe(dead!.id);
    expect(await world.state(dead!.id)).toEqual({ state: 'pooled', desired_state: 'terminated', reason: 'provider_lost' });
  });

  it('looks at its members, ends the dead ones and those that are too many, and makes new ones', async () => {
    await keeper().run(running);
    const [dead] = await members();
    provider.end(dead!.id, { kind: 'not_found' });
    await keeper().run(running);
    const now = await members();
    expect(now.filter(({ desired_state: desired }) => desired === 'running')).toHaveLength(3);
    expect(now.find(({ id }) => id === dead!.id)).toMatchObject({ desired_state: 'terminated', reason: 'provider_lost' });
    await keeper({ min: 1 }).run(running);
    const left = await members();
    expect(left.filter(({ desired_state: desired }) => desired === 'running')).toHaveLength(1);
    expect(left.filter(({ reason }) => reason === 'idle')).toHaveLength(2);
  });

  it('follows the demand of each profile, and stops at the ceiling of its cost', async () => {
    for (let times = 0; times < 6; times++) await buy(wallet(), { ...PLAIN, memoryMiB: 256 });
    const made = provider.calls.create;
    await keeper({ min: 0, leadMs: 60_000 }).run(running);
    expect(provider.calls.create - made).toBe(2);
    expect(provider.specs.at(-1)).toMatchObject({ memoryMiB: 256 });
    await world.query(`INSERT INTO provider_rates (provider, resource, version, usd_e12_per_second, effective_from, created_by)
      SELECT 'container', resource, 2, 100000000, '1970-01-02Z', 'test' FROM unnest(ARRAY['cpu', 'memory']) resource`);
    // A core and a quarter GiB cost 0.45 USD an hour.
    await keeper({ min: 0, leadMs: 600_000, costCeilingUsdE12PerHour: 1_400_000_000_000n }).run(running);
    expect(provider.calls.create - made).toBe(3);
  });

  it('books what a member cost until its claim to nobody, and from then on to its owner', async () => {
    await keeper({ min: 2 }).run(running);
    const pool = await members();
    await world.query(`UPDATE sandboxes SET started_at = now() - interval '100 s'`);
    const { answer, owner, operationId } = await buy();
    await world.sandboxes.ender.end(answer.sandbox_id, 'requested', { actor: owner });
    const unsold = pool.find(({ id }) => id !== answer.sandbox_id)!;
    await world.sandboxes.ender.end(unsold.id, 'idle', { actor: 'pool' });
    const usage = await world.query<{ operation_id: string; owner: string | null; seconds: number }>(
      'SELECT operation_id, owner, round(extract(epoch FROM ended_at - started_at))::int AS seconds FROM provider_usage',
    );
    const sold = pool.find(({ id }) => id === answer.sandbox_id)!;
    const of = (id: string) => usage.find((row) => row.operation_id === id);
    expect(usage).toHaveLength(3);
    expect(of(sold.operation_id)).toMatchObject({ owner: null });
    expect(of(sold.operation_id)!.seconds).toBeGreaterThanOrEqual(100);
    expect(of(unsold.operation_id)!.seconds).toBeGreaterThanOrEqual(100);
    expect(of(operationId)).toMatchObject({ owner });
    expect(of(operationId)!.seconds).toBeLessThan(60);
  });

  it('a create that was given up before its claim finds nothing to start; one that fails leaves no member', async () => {
    await keeper({ min: 1 }).run(running);
    const operationId = randomUUID();
    await world.operation('sandbox.create').outcomeOf(operationId);
    await expect(world.sandboxes.create.execute({ owner: wallet(), operationId, order: PLAIN })).rejects.toMatchObject({
      code: 'operation_interrupted',
    });
    expect((await members()).map(({ state }) => state)).toEqual(['pooled']);
    provider.before.create = () => {
      throw new ProviderError('timeout', 'who knows');
    };
    await keeper({ min: 2 }).run(running);
    expect((await members()).map(({ state, desired_state: desired }) => [state, desired])).toContainEqual([
      'unknown',
      'terminated',
    ]);
    expect(problems).toHaveLength(1);
  });

  it('one worker at a time keeps it, and a member that was ended while it was made is not sold', async () => {
    const gate = new Gate();
    provider.after.create = gate.pass;
    const making = keeper({ min: 1 }).run(running);
    await gate.reached;
    await keeper({ min: 1 }, 'two').run(running);
    expect(provider.calls.create).toBe(1);
    const [member] = await members();
    await world.store.requestEnd(member!.id, 'operator', { actor: 'key' });
    gate.release();
    await making;
    expect(await members()).toMatchObject([{ state: 'provisioning', desired_state: 'terminated', reason: 'operator' }]);
    expect((await world.store.find(member!.id))?.providerRef).not.toBeNull();
  });

  it('takes no place of a sandbox that is sold, and the database holds what a claim is', async () => {
    await keeper().run(running);
    const [member] = await members();
    expect(await world.store.countLive(wallet())).toMatchObject({ ofInstallation: 0, createdLastMinute: 0 });
    const set = (sql: string) => world.query(`UPDATE sandboxes SET ${sql} WHERE id = $1`, [member!.id]);
    await expect(set(`state = 'running'`)).rejects.toThrow('only for an owner');
    await expect(set(`owner = '0x1'`)).rejects.toThrow();
    await expect(set(`state = 'running', owner = '0x1'`)).rejects.toThrow('only for an owner');
    const { answer } = await buy();
    const change = world.query(`UPDATE sandboxes SET owner = '0x2' WHERE id = $1`, [answer.sandbox_id]);
    await expect(change).rejects.toThrow('never change');
    await expect(world.query(`UPDATE sandboxes SET state = 'pooled' WHERE id = $1`, [answer.sandbox_id])).rejects.toThrow();
  });
});

import { randomUUID } from 'node:crypto';
import { Gate, processOf, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, ORDER, wallet, type World } from '../support/sandboxes/world';

describe('admission', () => {
  let provider: ScriptedProvider;
  let world: World;
  beforeEach(async () => {
    provider = new ScriptedProvider();
    world = await openWorld(provider, {
      SANDBOX_MAX_CREATES_PER_MINUTE_PER_OWNER: '2',
      SANDBOX_MAX_CREATES_PER_MINUTE: '4',
      SANDBOX_MAX_CREATING: '2',
      EXEC_MAX_CONCURRENT_PER_OWNER: '2',
      EXEC_MAX_CONCURRENT: '3',
    });
  });
  afterEach(() => world.close());

  const admit = (name: string, owner: string, body: object = {}) => world.operation(name).admit({ owner, body });
  const refused = (code: string, message: RegExp) => ({
    code,
    message: expect.stringMatching(message) as string,
    retryAfterSeconds: expect.any(Number) as number,
  });

  it('slows a wallet down that creates too often, and nobody else, until a minute has passed', async () => {
    const owner = wallet();
    for (let times = 0; times < 2; times++) {
      const { answer } = await world.create(owner);
      await world.sandboxes.ender.end(answer.sandbox_id, 'requested', { actor: owner });
    }
    const tooOften = refused('sandbox_limit_reached', /This wallet has created/);
    await expect(admit('sandbox.create', owner)).rejects.toMatchObject(tooOften);
    await expect(world.create(owner)).rejects.toMatchObject(tooOften);
    await expect(admit('sandbox.create', wallet())).resolves.toBeUndefined();
    await world.query('ALTER TABLE sandboxes DISABLE TRIGGER sandboxes_guard');
    await world.query(`UPDATE sandboxes SET created_at = created_at - interval '61 s'`);
    await world.query('ALTER TABLE sandboxes ENABLE TRIGGER sandboxes_guard');
    await expect(admit('sandbox.create', owner)).resolves.toBeUndefined();
  });

  it('slows the installation down', async () => {
    for (let times = 0; times < 4; times++) await world.create();
    await expect(admit('sandbox.create', wallet())).rejects.toMatchObject(
      refused('sandbox_limit_reached', /This installation has created/),
    );
  });

  it('lets only so many creates wait for the provider at once', async () => {
    const gate = new Gate();
    provider.before.create = gate.pass;
    const create = () => world.sandboxes.create.execute({ owner: wallet(), operationId: randomUUID(), order: ORDER });
    const waiting = [create(), create()];
    await gate.reached;
    while (provider.calls.create < 2) await new Promise((resolve) => setImmediate(resolve));
    await expect(create()).rejects.toMatchObject(refused('sandbox_limit_reached', /being created/));
    gate.release();
    await Promise.all(waiting);
    await expect(create()).resolves.toMatchObject({ status: 'running' });
  });

  it('counts the commands of a wallet over all its sandboxes, and those of the installation', async () => {
    const [owner, other] = [wallet(), wallet()];
    const mine = [(await world.create(owner)).answer.sandbox_id, (await world.create(owner)).answer.sandbox_id];
    const theirs = (await world.create(other)).answer.sandbox_id;
    const gate = new Gate();
    provider.command = () => ({ ...processOf('late'), exit: gate.pass().then(() => ({ returncode: 0, timedOut: false })) });
    const exec = (by: string, sandboxId: string) =>
      world.sandboxes.exec.execute({ owner: by, operationId: randomUUID(), sandboxId, argv: ['a'], timeoutMs: 5_000 });
    const running = [exec(owner, mine[0]!), exec(owner, mine[1]!)];
    while (provider.calls.exec < 2) await new Promise((resolve) => setImmediate(resolve));
    await expect(admit('sandbox.exec', owner, { sandbox_id: mine[0] })).rejects.toMatchObject(
      refused('sandbox_busy', /of this wallet/),
    );
    await expect(admit('sandbox.exec', other, { sandbox_id: theirs })).resolves.toBeUndefined();
    running.push(exec(other, theirs));
    while (provider.calls.exec < 3) await new Promise((resolve) => setImmediate(resolve));
    await expect(admit('sandbox.exec', other, { sandbox_id: theirs })).rejects.toMatchObject(
      refused('sandbox_busy', /in this installation/),
    );
    gate.release();
    await Promise.all(running);
    await expect(admit('sandbox.exec', owner, { sandbox_id: mine[0] })).resolves.toBeUndefined();
  });
});

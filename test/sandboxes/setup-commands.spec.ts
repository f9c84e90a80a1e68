import { randomUUID } from 'node:crypto';
import { ProviderError, type ProviderFeature } from '@tollbox/sandboxes/application/ports/provider';
import { orderOf, type CreateBody } from '@tollbox/sandboxes/domain/bodies';
import { ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, wallet, type World } from '../support/sandboxes/world';

const SOLD = { SANDBOX_SETUP_MAX_COMMANDS: '2', SANDBOX_SETUP_DEADLINE_MS: '90000', SANDBOX_GPUS: 'T4,H100' };

function providerWith(...features: ProviderFeature[]): ScriptedProvider {
  const provider = new ScriptedProvider();
  const capabilities = { ...provider.capabilities(), features: new Set(features) };
  jest.spyOn(provider, 'capabilities').mockReturnValue(capabilities);
  return provider;
}

describe('what an operator may sell beyond the public beta', () => {
  const provider = providerWith('setup_commands', 'gpu');
  let world: World;
  beforeAll(async () => {
    world = await openWorld(provider, SOLD);
  });
  afterAll(() => world.close());

  const parse = (body: object, on: World = world) => on.operation('sandbox.create').body.safeParse(body);
  const setup_commands = ['pip install numpy', 'echo ready'];

  it('is taken from a body, and setup commands make the deadline of the create longer', () => {
    const operation = world.operation('sandbox.create');
    const [plain, longer] = [{}, { setup_commands }].map((body) => operation.deadlineMs(operation.body.parse(body)));
    expect(longer! - plain!).toBe(90_000);
    expect(parse({ gpu: 'T4' }).success).toBe(true);
    expect(parse({ gpu: 'L4' }).error?.issues).toMatchObject([{ message: 'This GPU type is not sold here. Sold: T4, H100' }]);
    expect(parse({ setup_commands: ['a', 'b', 'c'] }).success).toBe(false);
  });

  it('is not sold where the provider cannot do it, whatever the operator says', async () => {
    const poor = await openWorld(providerWith(), SOLD);
    expect(parse({ setup_commands }, poor).error?.issues).toMatchObject([{ message: 'setup_commands are not enabled here' }]);
    expect(parse({ gpu: 'T4' }, poor).error?.issues).toMatchObject([{ message: 'GPU sandboxes are not enabled here' }]);
    await poor.close();
  });

  it('reaches the provider with the owner, for whom it is kept', async () => {
    const owner = wallet();
    const order = orderOf(world.operation('sandbox.create').body.parse({ setup_commands }) as CreateBody);
    await world.create(owner, order);
    expect(provider.specs.at(-1)).toMatchObject({ owner, setupCommands: setup_commands });
    await world.create(owner, orderOf(world.operation('sandbox.create').body.parse({ setup_commands: [] }) as CreateBody));
    expect(provider.specs.at(-1)).not.toHaveProperty('setupCommands');
  });

  it('tells the end of the output of a setup command that failed, and leaves a failed row', async () => {
    provider.before.create = () => {
      throw new ProviderError('setup_failed', 'a setup command failed', { output: 'No matching distribution' });
    };
    const operationId = randomUUID();
    const order = orderOf(world.operation('sandbox.create').body.parse({ setup_commands }) as CreateBody);
    await expect(world.sandboxes.create.execute({ owner: wallet(), operationId, order })).rejects.toMatchObject({
      code: 'setup_failed',
      details: 'No matching distribution',
    });
    expect((await world.store.findByOperation(operationId))?.state).toBe('failed');
    expect(await world.operation('sandbox.create').outcomeOf(operationId)).toEqual({ kind: 'not_started' });
  });

  it('is refused with a network order that the setup commands would not keep to', async () => {
    const operation = world.operation('sandbox.create');
    const body = operation.body.parse({ setup_commands, network: { policy: 'none' } });
    await expect(operation.admit({ owner: wallet(), body })).rejects.toMatchObject({ code: 'not_supported_here' });
  });
});

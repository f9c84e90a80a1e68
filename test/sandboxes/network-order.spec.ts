import { ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, wallet, type World } from '../support/sandboxes/world';

describe('the network and the ports that a create asks for', () => {
  const provider = new ScriptedProvider();
  let world: World;
  beforeAll(async () => {
    world = await openWorld(provider);
  });
  afterAll(() => world.close());

  const admit = (body: Record<string, unknown>) => {
    const operation = world.operation('sandbox.create');
    return operation.admit({ owner: wallet(), body: operation.body.parse(body) });
  };

  it.each([
    [{ network: { policy: 'public' } }, 'network.policy public'],
    [{ network: { policy: 'allow_list', cidrs: ['203.0.113.0/24'] } }, 'network.cidrs'],
    [{ network: { policy: 'allow_list', domains: ['pypi.org'] } }, 'network.domains'],
    [{ ports: [8080] }, 'ports'],
  ])('is refused before payment where the provider cannot do it: %j', async (body, text) => {
    await expect(admit(body)).rejects.toMatchObject({
      code: 'not_supported_here',
      details: text,
    });
    await expect(admit({})).resolves.toBeUndefined();
    await expect(admit({ ports: [] })).resolves.toBeUndefined();
  });

  it('reaches a provider that can do it, and the answer names the policy', async () => {
    jest.spyOn(provider, 'capabilities').mockReturnValue({
      ...provider.capabilities(),
      features: new Set(['network_cidrs', 'network_none', 'tunnels']),
    });
    const network = { policy: 'allow_list', cidrs: ['203.0.113.0/24'], domains: [] } as const;
    await admit({ network, ports: [8080] });
    const { answer } = await world.create(wallet(), { network, ports: [8080] });
    expect(answer.network).toBe('allow_list');
    expect(provider.specs.at(-1)).toMatchObject({ network, ports: [8080] });
    await expect(admit({ network: { policy: 'allow_list', domains: ['pypi.org'] } })).rejects.toMatchObject({
      code: 'not_supported_here',
    });
  });
});

import { ConfigurationError } from '@tollbox/platform/config/config';
import type { IsolationLevel } from '@tollbox/sandboxes/application/ports/provider';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { createProvider, refuseSharedKernel } from '@tollbox/sandboxes/infrastructure/provider-factory';
import { ProviderHealth } from '@tollbox/sandboxes/infrastructure/provider-health';
import { Pool } from 'pg';
import { testEngine } from '../support/stack';
import { ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, testConfig } from '../support/sandboxes/world';

const URL = 'postgresql://nobody@127.0.0.1:1/none';
/** Connects to nothing until it is asked something. */
const noPool = new Pool({ connectionString: URL });
const of = (isolation: IsolationLevel) => ({
  capabilities: () => ({ isolation, networkPolicy: 'none', gpu: false, features: new Set<never>() }) as const,
});

describe('the choice of the provider', () => {
  it('refuses a kernel shared with the host on Base, unless it is wanted', () => {
    const base = testConfig(URL, { X402_NETWORK: 'base' });
    expect(() => refuseSharedKernel(base, of('shared-kernel'))).toThrow(ConfigurationError);
    expect(() => refuseSharedKernel(base, of('shared-kernel'))).toThrow('ALLOW_SHARED_KERNEL');
    for (const isolation of ['gvisor', 'modal-gvisor'] as const)
      expect(() => refuseSharedKernel(base, of(isolation))).not.toThrow();
    const wanted = testConfig(URL, { X402_NETWORK: 'base', ALLOW_SHARED_KERNEL: '1' });
    expect(() => refuseSharedKernel(wanted, of('shared-kernel'))).not.toThrow();
    expect(() => refuseSharedKernel(testConfig(URL), of('shared-kernel'))).not.toThrow();
  });

  it('is the container engine by default, under the names of the configuration', async () => {
    const { dockerHost, imageReferences } = testEngine();
    const config = testConfig(URL, { DOCKER_HOST: dockerHost, SANDBOX_IMAGE_REFERENCES: imageReferences });
    const provider = await createProvider(config, noPool);
    expect(provider.name).toBe('container');
    await provider.close();
  });

  it('does not start without an engine', async () => {
    const config = testConfig(URL, { DOCKER_HOST: 'unix:///nonexistent/engine.sock' });
    await expect(createProvider(config, noPool)).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

it('health says what runs sandboxes, and whether it answers', async () => {
  const provider = new ScriptedProvider();
  const world = await openWorld(provider);
  const health = new ProviderHealth(world.sandboxes.provider, {
    id: world.installationId,
    isDraining: () => Promise.resolve(false),
  });
  const detail = {
    provider: 'container',
    isolation: 'gvisor',
    network: 'none',
    features: [...provider.capabilities().features].sort(),
  };
  expect(await health.check()).toEqual({ ok: true, detail });
  provider.before.list = () => {
    throw new ProviderError('unavailable', 'secret host name');
  };
  expect(await health.check()).toEqual({ ok: false, detail: { ...detail, error: 'ProviderError' } });
  await world.close();
});

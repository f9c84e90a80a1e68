import type { SandboxSpec } from '../../application/ports/provider';
import { createParams, wholeSecondsMs } from './create-params';

const spec: SandboxSpec = {
  sandboxId: 'sb-1',
  installationId: 'in-1',
  image: 'python:3.11',
  cpuMillis: 1_000,
  memoryMiB: 512,
  gpu: null,
  lifetimeMs: 300_000,
};

describe('what is asked of Modal for a sandbox', () => {
  it('is half a Modal core for a sold vCPU, as request and as limit', () => {
    expect(createParams(spec, 0.5)).toMatchObject({ cpu: 0.5, cpuLimit: 0.5, memoryMiB: 512, memoryLimitMiB: 512 });
  });

  it('is never less than the smallest share that Modal bills', () => {
    expect(createParams({ ...spec, cpuMillis: 125 }, 0.5)).toMatchObject({ cpu: 0.125, cpuLimit: 0.125 });
  });

  it('has a GPU only when one was sold', () => {
    expect(createParams(spec, 0.5)).not.toHaveProperty('gpu');
    expect(createParams({ ...spec, gpu: 'H100:2' }, 0.5)).toMatchObject({ gpu: 'H100:2' });
  });

  it('asks for the public internet, for none, or for a list', () => {
    const network = (order: SandboxSpec['network']) => {
      const params = createParams({ ...spec, ...(order === undefined ? {} : { network: order }) }, 0.5);
      return [params.blockNetwork, params.outboundCidrAllowlist, params.outboundDomainAllowlist];
    };
    const lists = { cidrs: [], domains: [] };
    expect(network(undefined)).toEqual([false, undefined, undefined]);
    expect(network({ policy: 'public', ...lists })).toEqual([false, undefined, undefined]);
    expect(network({ policy: 'none', ...lists })).toEqual([true, undefined, undefined]);
    const cidrs = ['203.0.113.0/24'];
    expect(network({ policy: 'allow_list', cidrs, domains: [] })).toEqual([false, cidrs, []]);
    expect(network({ policy: 'allow_list', cidrs: [], domains: ['pypi.org'] })).toEqual([false, [], ['pypi.org']]);
  });

  it('carries the tags that find the sandbox again', () => {
    expect(createParams(spec, 0.5).tags).toEqual({ tollbox_installation: 'in-1', tollbox_sandbox: 'sb-1' });
  });

  it.each<Partial<SandboxSpec>>([
    { cpuMillis: 0 },
    { cpuMillis: 0.5 },
    { memoryMiB: -1 },
    { lifetimeMs: 0 },
    { lifetimeMs: 86_400_001 },
    { lifetimeMs: Number.NaN },
    { gpu: '' },
    { gpu: 'a100' },
    { gpu: 'A100:0' },
  ])('is nothing for %j', (changes) => {
    expect(() => createParams({ ...spec, ...changes }, 0.5)).toThrow('Modal cannot create this sandbox');
  });

  it.each([
    [1, 1_000],
    [1_000, 1_000],
    [1_001, 2_000],
    [59_999.5, 60_000],
  ])('takes whole seconds: %d ms becomes %d ms', (given, rounded) => {
    expect(wholeSecondsMs(given)).toBe(rounded);
  });
});

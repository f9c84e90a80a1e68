import { containerOptions, type ContainerPlan, underAgent, underCoreutils } from './container-options';

const plan: ContainerPlan = {
  spec: {
    sandboxId: 'sb-1',
    installationId: 'installation-1',
    image: 'python:3.11',
    cpuMillis: 250,
    memoryMiB: 512,
    gpu: null,
    lifetimeMs: 299_500,
  },
  imageId: 'sha256:abc',
  runtime: null,
  isGvisor: false,
  isPodman: false,
  seccomp: '{}',
  pidsLimit: 64,
  fixedFiles: ['/files/passwd:/etc/passwd:ro'],
  agentHash: null,
  diskMiB: null,
  lifetimeMarginMs: 10_000,
  createdAt: new Date('2026-11-21T00:00:00Z'),
};

describe('containerOptions', () => {
  it('is exactly this and nothing more', () => {
    expect(containerOptions(plan)).toEqual({
      name: 'tollbox-sb-1',
      Image: 'sha256:abc',
      Hostname: 'sandbox',
      User: '65534:65534',
      Env: ['HOME=/root'],
      Entrypoint: ['sleep'],
      Cmd: ['310'],
      StopTimeout: 0,
      Labels: {
        'tollbox.installation': 'installation-1',
        'tollbox.sandbox': 'sb-1',
        'tollbox.created-at': '2026-11-21T00:00:00.000Z',
      },
      HostConfig: {
        Binds: ['/files/passwd:/etc/passwd:ro'],
        Init: true,
        RestartPolicy: { Name: 'no' },
        NetworkMode: 'none',
        IpcMode: 'private',
        CgroupnsMode: 'private',
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges', 'seccomp={}'],
        Memory: 536_870_912,
        MemorySwap: 536_870_912,
        OomKillDisable: false,
        NanoCpus: 250_000_000,
        PidsLimit: 64,
        ShmSize: 67_108_864,
        Ulimits: [
          { Name: 'core', Soft: 0, Hard: 0 },
          { Name: 'nofile', Soft: 4_096, Hard: 8_192 },
        ],
        LogConfig: { Type: 'none', Config: {} },
      },
    });
  });

  it('gives gVisor its runtime and the processes that it counts as its own', () => {
    const { HostConfig } = containerOptions({ ...plan, runtime: 'runsc', isGvisor: true });
    expect(HostConfig).toMatchObject({ Runtime: 'runsc', PidsLimit: 1_024 });
    expect(containerOptions({ ...plan, isGvisor: true, pidsLimit: 1_000 }).HostConfig?.PidsLimit).toBe(3_000);
  });

  it('says the number of processes to Podman, which asks for too many by itself', () => {
    expect(containerOptions({ ...plan, isPodman: true }).HostConfig?.Ulimits).toContainEqual({
      Name: 'nproc',
      Soft: 8_192,
      Hard: 8_192,
    });
  });

  it('keeps shared memory below a quarter of a small sandbox, and limits the disk where it is told to', () => {
    const { HostConfig } = containerOptions({ ...plan, spec: { ...plan.spec, memoryMiB: 64 }, diskMiB: 2_048 });
    expect(HostConfig).toMatchObject({ ShmSize: 16_777_216, StorageOpt: { size: '2048m' } });
  });

  it('makes the agent process 1 where there is one, with the lifetime and the variables of the sandbox', () => {
    const options = containerOptions({ ...plan, spec: { ...plan.spec, env: { A: 'b=c' } }, agentHash: 'abc' });
    expect(options).toMatchObject({ Entrypoint: ['/.tollbox/agent', 'init'], Cmd: ['309500'], Env: ['HOME=/root', 'A=b=c'] });
    expect(options.HostConfig?.Init).toBe(false);
    expect(options.Labels).toMatchObject({ 'tollbox.agent': 'abc' });
  });
});

describe('the timer of a command', () => {
  it('runs argv unchanged', () => {
    expect(underCoreutils(['-x', '', 'a b'], 1_500)).toEqual(['timeout', '-s', 'KILL', '1.5', '-x', '', 'a b']);
    expect(underAgent(['-x', '', 'a b'], 1_500.5)).toEqual(['/.tollbox/agent', 'run', '1501', '-x', '', 'a b']);
  });
});

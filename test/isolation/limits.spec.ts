import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { eventually } from '../contract/provider-contract';
import { connectEngine } from '@tollbox/sandboxes/infrastructure/container/engine-connection';
import { testEngine, testRuntimes } from '../support/stack';
import { Inside, patient, testContainerProvider } from './inside';

describe.each(testRuntimes())('code in a sandbox stays within what was bought, %s runtime', (runtime) => {
  let provider: ContainerProvider;
  let neighbour: Inside;

  beforeAll(async () => {
    provider = await testContainerProvider({}, runtime);
    neighbour = await Inside.open(provider);
  });

  afterAll(async () => {
    await neighbour.close();
    await provider.close();
  });

  const neighbourWorks = async () => expect(await neighbour.run(['echo', 'fine'])).toMatchObject({ returncode: 0 });

  const isSharedKernel = () => provider.capabilities().isolation === 'shared-kernel';

  /** How a script ended that gVisor may end together with its whole sandbox. */
  const outcomeOf = async (inside: Inside, script: string, timeoutMs = 30_000) => {
    try {
      return await inside.run(['python3', '-c', script], timeoutMs);
    } catch (error) {
      if (error instanceof ProviderError && error.kind === 'gone') return 'the sandbox ended';
      throw error;
    }
  };

  it.each([
    ['anonymous memory', 'held = []\nfor _ in range(64): held.append(bytearray(b"x" * (8 << 20)))\nprint("held everything")'],
    [
      'files in memory',
      'with open("/dev/shm/big", "wb") as f:\n    for _ in range(64): f.write(b"x" * (8 << 20))\nprint("held everything")',
    ],
    [
      'many processes, after it raised the limits that it can reach',
      `import glob, os, time
for path in glob.glob('/sys/fs/cgroup/**/memory.limit_in_bytes', recursive=True) + glob.glob('/sys/fs/cgroup/**/memory.max', recursive=True):
    try: open(path, 'w').write('8589934592')
    except OSError: pass
for _ in range(8):
    if os.fork() == 0:
        held = bytearray(b"x" * (64 << 20)); time.sleep(2); os._exit(0)
print(sum(os.wait()[1] == 0 for _ in range(8)))`,
    ],
  ])('cannot hold four times its memory as %s', async (_, script) => {
    const inside = await Inside.open(provider, { memoryMiB: 128 });
    try {
      const result = await outcomeOf(inside, script);
      if (result === 'the sandbox ended') {
        const state = await eventually(
          () => provider.inspect(inside.handle, patient()),
          ({ kind }) => kind === 'ended',
        );
        expect([isSharedKernel(), state]).toEqual([false, { kind: 'ended', returncode: 137, outOfMemory: true }]);
      } else {
        const held = result.stdout.toString().trim();
        expect(held).not.toBe('held everything');
        if (held !== '') expect(Number(held)).toBeLessThan(2);
        expect(result.timedOut).toBe(false);
        if (isSharedKernel()) expect(await provider.inspect(inside.handle, patient())).toEqual({ kind: 'running' });
      }
      await neighbourWorks();
    } finally {
      await inside.close();
    }
  });

  it('gets no more CPU time than its share', async () => {
    const inside = await Inside.open(provider, { cpuMillis: 500 });
    try {
      const container = connectEngine(testEngine(runtime).dockerHost).getContainer(inside.handle.providerRef);
      // The host's own count: what a guest kernel says of its processes is its own idea.
      const usedNs = async () => (await container.stats({ stream: false })).cpu_stats.cpu_usage.total_usage;
      const burn =
        'import os, time\nfor _ in range(3): os.fork()\nend = time.monotonic() + 3\nwhile time.monotonic() < end: pass';
      const before = { ns: await usedNs(), at: performance.now() };
      await inside.run(['python3', '-c', burn]);
      const share = ((await usedNs()) - before.ns) / 1e6 / (performance.now() - before.at);
      expect(share).toBeLessThan(0.5 * 1.25);
      expect(share).toBeGreaterThan(0);
    } finally {
      await inside.close();
    }
  });

  describe('processes', () => {
    it('can be as many as were bought', async () => {
      const inside = await Inside.open(provider, { memoryMiB: 512 });
      try {
        const script = `
import subprocess
held = [subprocess.Popen(['sleep', '60']) for _ in range(200)]
for one in held: one.kill(); one.wait()
print(len(held))`;
        const { stdout, returncode } = await inside.run(['python3', '-c', script]);
        expect([stdout.toString(), returncode]).toEqual(['200\n', 0]);
      } finally {
        await inside.close();
      }
    });

    it('stop at their limit; on a shared kernel the sandbox works again when they are gone', async () => {
      const inside = await Inside.open(provider);
      try {
        if (!isSharedKernel()) {
          const bomb = 'import os, time\nfor _ in range(5000):\n    if os.fork() == 0: time.sleep(60)\nprint("never")';
          expect(await outcomeOf(inside, bomb)).toBe('the sandbox ended');
          await neighbourWorks();
          return;
        }
        const script = `
children = []
try:
    while len(children) < 5000:
        pid = os.fork()
        if pid == 0:
            time.sleep(60); os._exit(0)
        children.append(pid)
    stopped = 'never'
except OSError as error: stopped = errno.errorcode[error.errno]
for pid in children: os.kill(pid, 9)
for pid in children: os.waitpid(pid, 0)
answer([stopped, len(children)])`;
        const [stopped, count] = await inside.python<[string, number]>(script);
        expect(stopped).toBe('EAGAIN');
        expect(count).toBeGreaterThan(100);
        expect(count).toBeLessThan(1_100);
        expect(await inside.run(['echo', 'works'])).toMatchObject({ returncode: 0 });
      } finally {
        await inside.close();
      }
    });

    it('holds a fork bomb that left its process group: neighbours work and the sandbox can be ended', async () => {
      const inside = await Inside.open(provider);
      const bomb =
        'import os, time\nif os.fork(): time.sleep(60)\nos.setsid()\nwhile True:\n    try: os.fork()\n    except OSError: pass';
      const result = await outcomeOf(inside, bomb, 1_500);
      if (result === 'the sandbox ended') expect(isSharedKernel()).toBe(false);
      else expect(result.timedOut).toBe(true);
      await neighbourWorks();
      await inside.close();
      expect(await provider.inspect(inside.handle, patient())).toEqual({ kind: 'not_found' });
      await neighbourWorks();
    });
  });

  it('makes only itself wait when it floods its output', async () => {
    const flood = await provider.exec(neighbour.handle, ['yes'], { timeoutMs: 1_500 }, patient());
    await neighbourWorks();
    expect(await flood.exit).toEqual({ returncode: 137, timedOut: true });
    await neighbourWorks();
  });

  it('opens no more files than its limit, and the others open theirs', async () => {
    const script = `
held = []
def hold():
    while len(held) < 100000: held.append(os.open('/dev/null', os.O_RDONLY))
answer([attempt(hold), len(held)])`;
    const [how, count] = await neighbour.python<[string, number]>(script);
    expect(how).toBe('EMFILE');
    expect(count).toBeLessThan(8_193);
    await neighbourWorks();
  });

  it('writes no core dump', async () => {
    const script =
      'cd /tmp && ulimit -c unlimited; ulimit -c; mkdir -p dumps && cd dumps && (kill -SEGV $$); sh -c "kill -SEGV \\$\\$"; ls -A; ls -A / | grep -c "^core"';
    const result = await neighbour.run(['sh', '-c', script]);
    expect(result.stdout.toString().split('\n')[0]).toBe('0');
    expect(await neighbour.run(['sh', '-c', 'ls -A /tmp/dumps; ls / | grep "^core"'])).toMatchObject({ stdout: Buffer.alloc(0) });
  });

  it('holds no more in shared memory than its mount has room for', async () => {
    const inside = await Inside.open(provider, { memoryMiB: 512 });
    try {
      const outcome = await inside.python<string>(
        `answer(attempt(lambda: open('/dev/shm/big', 'wb').write(b'x' * (100 << 20)) and None))`,
      );
      expect(outcome).toBe('ENOSPC');
    } finally {
      await inside.close();
    }
  });

  describe('lifetime', () => {
    it('ends on the engine alone, whatever the code inside does to the timer', async () => {
      const inside = await Inside.open(provider, { lifetimeMs: 3_000 });
      const hold = `
for number in (1, 2, 15): signal.signal(number, signal.SIG_IGN)
outcome = {}
for pid, entry in ((1, '/proc/1'),):
    outcome[pid] = [attempt(lambda: os.kill(pid, number)) for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL)] + [opened(f'{entry}/mem', os.O_RDWR), syscall(101, 117, 16, pid, 0, 0),
        attempt(lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)) and None)]
if os.fork() == 0:
    os.setsid()
    os.dup2(os.open('/dev/null', os.O_RDWR), 1); os.dup2(1, 2)
    while True: time.sleep(1)
answer(outcome)`;
      const outcome = await inside.python<Record<string, string[]>>(hold);
      expect(outcome['1']).toHaveLength(6);
      for (const how of outcome['1']!) expect(['EPERM', 'EACCES']).toContain(how);
      const state = await eventually(
        () => provider.inspect(inside.handle, patient()),
        ({ kind }) => kind !== 'running',
      );
      expect(state).toEqual({ kind: 'ended', returncode: 0, outOfMemory: false });
      await inside.close();
    });
  });
});

import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { eventually } from '../contract/provider-contract';
import { Inside, patient, testContainerProvider } from './inside';

describe('code in a sandbox stays within what was bought', () => {
  let provider: ContainerProvider;
  let neighbour: Inside;

  beforeAll(async () => {
    provider = await testContainerProvider();
    neighbour = await Inside.open(provider);
  });

  afterAll(async () => {
    await neighbour.close();
    await provider.close();
  });

  const neighbourWorks = async () => expect(await neighbour.run(['echo', 'fine'])).toMatchObject({ returncode: 0 });

  describe('memory', () => {
    let inside: Inside;
    beforeAll(async () => (inside = await Inside.open(provider, { memoryMiB: 128 })));
    afterAll(() => inside.close());

    it.each([
      ['anonymous memory', 'held = []\nfor _ in range(64): held.append(bytearray(b"x" * (8 << 20)))\nprint("held everything")'],
      [
        'files in memory',
        'with open("/dev/shm/big", "wb") as f:\n    for _ in range(64): f.write(b"x" * (8 << 20))\nprint("held everything")',
      ],
      [
        'many processes',
        'import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        held = bytearray(b"x" * (64 << 20)); time.sleep(2); os._exit(0)\nprint(sum(os.wait()[1] == 0 for _ in range(8)))',
      ],
    ])('cannot hold four times its size as %s', async (_, script) => {
      const result = await inside.run(['python3', '-c', script]);
      const held = result.stdout.toString().trim();
      expect(held).not.toBe('held everything');
      if (held !== '') expect(Number(held)).toBeLessThan(2);
      expect(result.timedOut).toBe(false);
      await neighbourWorks();
      if (provider.engine.isolation === 'shared-kernel')
        expect(await inside.provider.inspect(inside.handle, patient())).toEqual({ kind: 'running' });
    });
  });

  it('gets no more CPU time than its share', async () => {
    const inside = await Inside.open(provider, { cpuMillis: 500 });
    try {
      const script = `
start = time.monotonic()
for _ in range(4):
    if os.fork() == 0:
        while time.monotonic() - start < 3: pass
        os._exit(0)
for _ in range(4): os.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
answer((used.ru_utime + used.ru_stime) / (time.monotonic() - start))`;
      const share = await inside.python<number>(script);
      expect(share).toBeLessThan(0.5 * 1.25);
      expect(share).toBeGreaterThan(0);
    } finally {
      await inside.close();
    }
  });

  describe('processes', () => {
    it('stops at its limit, and works again when they are gone', async () => {
      const inside = await Inside.open(provider);
      try {
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
      const bomb = 'import os\nos.setsid()\nwhile True:\n    try: os.fork()\n    except OSError: pass';
      const result = await inside.run(['python3', '-c', bomb], 1_500);
      expect(result.timedOut).toBe(true);
      await neighbourWorks();
      await inside.close();
      expect(await provider.inspect(inside.handle, patient())).toEqual({ kind: 'not_found' });
      await neighbourWorks();
    });
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
for entry in glob.glob('/proc/[0-9]*'):
    pid = int(entry.split('/')[2])
    if pid == os.getpid() or pid == os.getppid(): continue
    outcome[pid] = [attempt(lambda: os.kill(pid, number)) for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL)] + [opened(f'{entry}/mem', os.O_RDWR), syscall(101, 117, 16, pid, 0, 0),
        attempt(lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)) and None)]
if os.fork() == 0:
    os.setsid()
    os.dup2(os.open('/dev/null', os.O_RDWR), 1); os.dup2(1, 2)
    while True: time.sleep(1)
answer(outcome)`;
      const outcome = await inside.python<Record<string, string[]>>(hold);
      expect(Object.keys(outcome)).toContain('1');
      for (const [pid, how] of Object.entries(outcome))
        expect([pid, how.every((one) => ['EPERM', 'EACCES'].includes(one))]).toEqual([pid, true]);
      const state = await eventually(
        () => provider.inspect(inside.handle, patient()),
        ({ kind }) => kind !== 'running',
      );
      expect(state).toEqual({ kind: 'ended', returncode: 0, outOfMemory: false });
      await inside.close();
    });
  });
});

import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { testEngine, testRuntimes } from '../support/stack';
import { Inside, testContainerProvider } from './inside';

describe.each(testRuntimes())('code in a sandbox does not see the host, %s runtime', (runtime) => {
  const secret = `secret-${randomUUID()}`;
  const marker = `${424_000_000 + Math.floor(Math.random() * 1_000_000)}`;
  let directory: string;
  let hostProcess: ChildProcess;
  let provider: ContainerProvider;
  let inside: Inside;

  beforeAll(async () => {
    directory = mkdtempSync(path.join(tmpdir(), 'tollbox-host-'));
    writeFileSync(path.join(directory, 'secret.txt'), secret, { mode: 0o666 });
    hostProcess = spawn('sleep', [marker], { stdio: 'ignore' });
    provider = await testContainerProvider({}, runtime);
    inside = await Inside.open(provider);
  });

  afterAll(async () => {
    await inside.close();
    await provider.close();
    hostProcess.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });

  it('has none of the host paths: clone, temporary files, the engine socket', async () => {
    const hostPaths = [process.cwd(), __filename, directory, path.join(directory, 'secret.txt'), process.execPath];
    const sockets = [
      testEngine(runtime).dockerHost.replace('unix://', ''),
      '/var/run/docker.sock',
      '/run/docker.sock',
      '/run/podman/podman.sock',
    ];
    const roots = ['', '/proc/1/root', '/proc/self/root', '/proc/1/cwd', '/proc/self/root/../..'];
    const paths = [...hostPaths, ...sockets].flatMap((hostPath) => roots.map((root) => root + hostPath));
    const outcome = await inside.python<Record<string, string>>('answer({p: opened(p) for p in sys.argv[1:]})', paths);
    expect(Object.keys(outcome)).toHaveLength(paths.length);
    for (const [hostPath, how] of Object.entries(outcome)) {
      expect([hostPath, ['ENOENT', 'EACCES', 'ENOTDIR'].includes(how)]).toEqual([hostPath, true]);
    }
  });

  it('finds the content of a host file nowhere', async () => {
    const found = await inside.run(['grep', '-rlsF', '--exclude-dir=proc', '--exclude-dir=sys', '--devices=skip', secret, '/']);
    expect(found.stdout.toString()).toBe('');
    expect(found.timedOut).toBe(false);
  });

  it('does not see the processes of the host', async () => {
    const script = `
processes = {}
for entry in glob.glob('/proc/[0-9]*/cmdline'):
    try: processes[entry.split('/')[2]] = open(entry).read().replace('\\0', ' ')
    except OSError: pass
answer(processes)`;
    const processes = await inside.python<Record<string, string>>(script);
    const commands = Object.values(processes).join('\n');
    expect(commands).toContain('/.tollbox/agent init');
    expect(commands).not.toContain(marker);
    expect(commands).not.toContain(process.execPath);
    expect(Object.keys(processes).length).toBeLessThan(10);
  });

  it('cannot signal or trace a process of the host', async () => {
    const script = `
pid = int(sys.argv[1])
answer({'signal': attempt(lambda: os.kill(pid, 9)), 'attach': syscall(101, 117, 16, pid, 0, 0), 'memory': opened(f'/proc/{pid}/mem', os.O_RDWR)})`;
    const outcome = await inside.python<Record<string, string>>(script, [String(hostProcess.pid)]);
    expect(outcome['signal']).toBe('ESRCH');
    expect(['EPERM', 'ESRCH']).toContain(outcome['attach']);
    expect(outcome['memory']).toBe('ENOENT');
    expect(hostProcess.exitCode).toBeNull();
    expect(hostProcess.signalCode).toBeNull();
  });

  it('gets an environment of its own', async () => {
    const environment = await inside.python<Record<string, string>>('answer(dict(os.environ))');
    const expected = ['PATH', 'HOME', 'HOSTNAME', 'TERM', 'container', 'LANG', 'GPG_KEY', 'PYTHON_VERSION', 'LC_CTYPE'];
    expect(Object.keys(environment).filter((key) => !expected.includes(key) && !key.startsWith('PYTHON_'))).toEqual([]);
    expect(environment['HOSTNAME'] ?? 'sandbox').toBe('sandbox');
  });

  it('sees nothing of a neighbour', async () => {
    const neighbour = await Inside.open(provider);
    try {
      await neighbour.run([
        'sh',
        '-c',
        `echo ${secret} > /tmp/mine; echo ${secret} > /dev/shm/mine; setsid sleep 77777 >/dev/null 2>&1 &`,
      ]);
      const seen = await inside.run(['sh', '-c', 'cat /tmp/mine /dev/shm/mine; cat /proc/[0-9]*/cmdline']);
      expect(seen.stdout.toString()).not.toContain(secret);
      expect(seen.stdout.toString()).not.toContain('77777');
    } finally {
      await neighbour.close();
    }
  });
});

import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { testRuntimes } from '../support/stack';
import { Inside, testContainerProvider } from './inside';

/** Isolation that breaks ordinary programs would be turned off by the first operator. */
describe.each(testRuntimes())('ordinary programs work inside, %s runtime', (runtime) => {
  let provider: ContainerProvider;
  let inside: Inside;

  beforeAll(async () => {
    provider = await testContainerProvider({}, runtime);
    inside = await Inside.open(provider, { memoryMiB: 512 });
  });

  afterAll(async () => {
    await inside.close();
    await provider.close();
  });

  it.each([
    [
      'threads',
      'import threading; t = [threading.Thread(target=lambda: None) for _ in range(20)]; [x.start() for x in t]; [x.join() for x in t]',
    ],
    [
      'a pool of processes',
      'import multiprocessing as m\nwith m.Pool(4) as p: assert p.map(abs, range(-50, 0)) == list(range(50, 0, -1))',
    ],
    [
      'spawned processes with queues',
      'import multiprocessing as m; q = m.Queue(); q.put(1); assert q.get() == 1; m.Lock().acquire()',
    ],
    [
      'shared memory',
      'from multiprocessing import shared_memory as s; x = s.SharedMemory(create=True, size=4096); x.buf[0] = 7; x.close(); x.unlink()',
    ],
    [
      'subprocesses and pipes',
      'import subprocess; assert subprocess.run("echo hi | tr a-z A-Z", shell=True, capture_output=True).stdout == b"HI\\n"',
    ],
    [
      'asyncio with subprocesses',
      'import asyncio\nasync def main():\n p = await asyncio.create_subprocess_exec("true"); assert await p.wait() == 0\nasyncio.run(main())',
    ],
    [
      'sqlite',
      'import sqlite3; c = sqlite3.connect("/tmp/x.db"); c.execute("create table t(a)"); c.execute("insert into t values (1)"); c.commit()',
    ],
    [
      'a server on its own loopback',
      'import socketserver, socket, threading\nclass H(socketserver.StreamRequestHandler):\n  def handle(self): self.wfile.write(self.rfile.readline().upper())\ns = socketserver.ThreadingTCPServer(("127.0.0.1", 0), H)\nthreading.Thread(target=s.serve_forever, daemon=True).start()\nc = socket.create_connection(("localhost", s.server_address[1])); c.sendall(b"hi\\n"); assert c.recv(9) == b"HI\\n"',
    ],
    [
      'files, links and locks',
      'import os, fcntl, tempfile, shutil; d = tempfile.mkdtemp(); p = d + "/a"; open(p, "w").write("x"); os.link(p, d + "/b"); os.symlink(p, d + "/c"); fcntl.flock(open(p), fcntl.LOCK_EX); os.chmod(p, 0o600); shutil.rmtree(d)',
    ],
    [
      'writing to its own system',
      'open("/usr/local/bin/mine", "w").write("#!/bin/sh\\n"); open("/root/x", "w").write("1"); open("/etc/mine", "w").write("1")',
    ],
    [
      'memory maps and random numbers',
      'import mmap, os, ssl, secrets, hashlib; m = mmap.mmap(-1, 1 << 20); m[:3] = b"abc"; secrets.token_hex(8); os.getrandom(4)',
    ],
    [
      'timers and signals',
      'import signal, time\nsignal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.1)',
    ],
  ])('python: %s', async (_, script) => {
    const result = await inside.run(['python3', '-c', script]);
    expect({ returncode: result.returncode, stderr: result.stderr.toString() }).toEqual({ returncode: 0, stderr: '' });
  });

  it('makes a virtual environment with pip', async () => {
    const argv = ['sh', '-c', 'python3 -m venv /tmp/venv && /tmp/venv/bin/pip --version'];
    const result = await inside.run(argv, 110_000); // a thousand files: slow on a busy machine, more so under gVisor
    expect(result).toMatchObject({ returncode: 0, timedOut: false });
    expect(result.stdout.toString()).toMatch(/^pip \d/);
  }, 120_000);

  it('collects the processes that commands leave behind', async () => {
    await inside.run(['sh', '-c', 'for i in 1 2 3 4 5; do setsid sh -c "exit 0" >/dev/null 2>&1 & done; exit 0']);
    const script = `
def zombies(): return sum(open(p).read().rsplit(')', 1)[1].split()[0] == 'Z' for p in glob.glob('/proc/[0-9]*/stat'))
deadline = time.monotonic() + 5
while zombies() and time.monotonic() < deadline: time.sleep(0.05)
answer(zombies())`;
    expect(await inside.python<number>(script)).toBe(0);
  });
});

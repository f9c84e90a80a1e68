import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { createContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { connectEngine } from '@tollbox/sandboxes/infrastructure/container/engine-connection';
import type { ProviderHandle } from '@tollbox/sandboxes/application/ports/provider';
import type Docker from 'dockerode';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { testEngine } from '../support/stack';
import { IMAGE, testContainerProvider } from './container-subject';
import { eventually, patient, rejectionKind, run, sandboxSpec } from './provider-contract';

describe('the container provider over its engine', () => {
  let provider: ContainerProvider;
  let docker: Docker;
  let sandbox: ProviderHandle;
  const spec = sandboxSpec(IMAGE);

  beforeAll(async () => {
    provider = await testContainerProvider();
    docker = connectEngine(testEngine().dockerHost);
    sandbox = await provider.create(spec, patient());
  });

  afterAll(async () => {
    await provider.terminate(sandbox, patient());
    await provider.close();
  });

  describe('create', () => {
    it('says what it promises', () => {
      expect(provider.capabilities()).toMatchObject({ isolation: provider.engine.isolation, networkPolicy: 'none', gpu: false });
    });

    it('returns the digest of the image', async () => {
      const created = await provider.create(sandboxSpec(IMAGE), patient());
      expect(created.imageDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
      await provider.terminate(created, patient());
    });

    it('gives the engine the limits that were bought, and nothing of the host', async () => {
      const { HostConfig, Config, Name, State } = await docker.getContainer(sandbox.providerRef).inspect();
      expect(HostConfig).toMatchObject({
        Memory: 256 << 20,
        MemorySwap: 256 << 20,
        NanoCpus: 1_000_000_000,
        NetworkMode: 'none',
        Privileged: false,
        RestartPolicy: { Name: 'no' },
      });
      const fixed = ['group', 'hostname', 'hosts', 'passwd', 'resolv.conf'];
      expect((HostConfig.Binds ?? []).map((bind) => bind.replace(/^.*engine-files\//, '').split(',')[0]).sort()).toEqual([
        expect.stringMatching(/^agent-[0-9a-f]{16}:\/\.tollbox\/agent:ro$/),
        ...fixed.map((name) => `${name}:/etc/${name}:ro`),
      ]);
      expect(HostConfig.Devices ?? []).toEqual([]);
      expect(Config.Labels).toMatchObject({ 'tollbox.installation': spec.installationId, 'tollbox.sandbox': spec.sandboxId });
      expect(Name.replace('/', '')).toBe(`tollbox-${spec.sandboxId}`);
      expect(State.Running).toBe(true);
    });

    it('refuses a second container for one sandbox id and keeps the first', async () => {
      await expect(provider.create(spec, patient())).rejects.toThrow(/already in use/);
      expect(await provider.inspect(sandbox, patient())).toEqual({ kind: 'running' });
    });

    it('refuses a GPU', async () => {
      expect(await rejectionKind(provider.create(sandboxSpec(IMAGE, { gpu: 'T4' }), patient()))).toBe('invalid');
    });

    it('never pulls: an image that the engine lacks is a wrong configuration', async () => {
      const other = await testContainerProvider({ imageReferences: new Map([[IMAGE, 'localhost/tollbox/never-built:1']]) });
      expect(await rejectionKind(other.create(sandboxSpec(IMAGE), patient()))).toBe('misconfigured');
      await other.close();
    });

    it.each(['sleep', 'timeout'])('removes a container whose image lacks %s, and says what the image needs', async (program) => {
      const repository = 'localhost/tollbox-test/lacking';
      const reference = `${repository}:${program}`;
      const model = await provider.create(sandboxSpec(IMAGE), patient());
      expect(await run(provider, model, ['rm', `/usr/bin/${program}`])).toMatchObject({ returncode: 0 });
      await docker.getContainer(model.providerRef).commit({ repo: repository, tag: program });
      await provider.terminate(model, patient());
      const other = await testContainerProvider({ imageReferences: new Map([[IMAGE, reference]]), agentFile: undefined });
      try {
        const failing = sandboxSpec(IMAGE);
        expect(await rejectionKind(other.create(failing, patient()))).toBe('misconfigured');
        expect(await other.list(failing.installationId, patient())).toEqual([]);
      } finally {
        await other.close();
        await docker.getImage(reference).remove({ force: true });
      }
    });

    it('leaves no container behind when the deadline passes in the middle', async () => {
      const other = await testContainerProvider();
      const specs = [0, 5, 15, 30, 50].map((delayMs) => ({ delayMs, spec: sandboxSpec(IMAGE) }));
      for (const { delayMs, spec: late } of specs) {
        const outcome = await other.create(late, AbortSignal.timeout(delayMs)).then(
          () => 'created',
          (error: unknown) => (error as { kind: string }).kind,
        );
        if (outcome === 'created') await other.terminate({ providerRef: `tollbox-${late.sandboxId}` }, patient());
        else expect(outcome).toBe('timeout');
      }
      await other.close(); // waits for its own cleaning up
      for (const { spec: late } of specs) expect(await provider.list(late.installationId, patient())).toEqual([]);
    });
  });

  describe('exec', () => {
    it('does not wait for a background process that holds the output open', async () => {
      const result = await run(provider, sandbox, ['sh', '-c', 'sleep 45 & echo done; exit 4'], { timeoutMs: 40_000 });
      expect(result.stdout.toString()).toBe('done\n');
      expect(result).toMatchObject({ returncode: 4, timedOut: false });
    });

    it('answers a timeout by itself when the timer inside was killed', async () => {
      const script = [
        'import os, signal, time',
        'if os.fork(): time.sleep(60)',
        'os.setsid(); timer = os.getppid()',
        'while True:',
        '    os.write(1, b"tick\\n"); time.sleep(0.1)',
        '    os.kill(os.getppid(), signal.SIGSTOP)',
        '    grand = int(open(f"/proc/{os.getppid()}/stat").read().rsplit(")", 1)[1].split()[1])',
        '    os.kill(grand, signal.SIGSTOP)',
      ].join('\n');
      const result = await run(provider, sandbox, ['python3', '-c', script], { timeoutMs: 1_000 });
      expect(result.stdout.toString()).toMatch(/^tick\n/);
      expect(result).toMatchObject({ returncode: 137, timedOut: true });
    });

    it('makes a flooding process wait for its reader instead of holding its output in memory', async () => {
      const megabytes = 200;
      const script = `import sys\nfor _ in range(${megabytes}): sys.stdout.buffer.write(b"x" * (1 << 20))`;
      const process = await provider.exec(sandbox, ['python3', '-c', script], { timeoutMs: 55_000 }, patient());
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const held = process.stdout as unknown as { unreadBytes: number };
      expect(held.unreadBytes).toBeGreaterThan(0);
      expect(held.unreadBytes).toBeLessThan(1 << 20);
      let bytes = 0;
      for await (const chunk of process.stdout) bytes += chunk.length;
      expect(await process.exit).toEqual({ returncode: 0, timedOut: false });
      expect(bytes).toBe(megabytes << 20);
    });

    it('times out a process whose output nobody reads', async () => {
      const process = await provider.exec(sandbox, ['yes'], { timeoutMs: 1_000 }, patient());
      expect(await process.exit).toEqual({ returncode: 137, timedOut: true });
    });

    it('lets a reader stop early', async () => {
      const process = await provider.exec(
        sandbox,
        ['sh', '-c', 'yes | head -c 8000000; exit 6'],
        { timeoutMs: 30_000 },
        patient(),
      );
      for await (const chunk of process.stdout) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      expect(await process.exit).toEqual({ returncode: 6, timedOut: false });
    });

    it('says that the sandbox is gone when it ends under a running command', async () => {
      const handle = await provider.create(sandboxSpec(IMAGE), patient());
      const process = await provider.exec(handle, ['sh', '-c', 'echo up; sleep 30'], { timeoutMs: 40_000 }, patient());
      const exit = rejectionKind(process.exit);
      for await (const chunk of process.stdout) {
        expect(Buffer.from(chunk).toString()).toBe('up\n');
        await provider.terminate(handle, patient());
      }
      expect(await exit).toBe('gone');
    });

    it('refuses arguments that no process can have', async () => {
      for (const argv of [[], ['echo', 'a\0b']]) expect(await rejectionKind(run(provider, sandbox, argv))).toBe('invalid');
    });

    it('answers with a failure for one argument that is longer than the system takes', async () => {
      const result = await run(provider, sandbox, ['echo', 'x'.repeat(200_000)]);
      expect(result.returncode).not.toBe(0);
      expect(result.stdout.toString()).toBe('');
      expect(result.stderr.toString()).toMatch(/too long/);
    });
  });

  describe('terminate', () => {
    it('can be called many times at once', async () => {
      const handle = await provider.create(sandboxSpec(IMAGE), patient());
      await Promise.all(Array.from({ length: 5 }, () => provider.terminate(handle, patient())));
      expect(await provider.inspect(handle, patient())).toEqual({ kind: 'not_found' });
    });
  });

  describe('an engine in trouble', () => {
    let server: Server;
    let address: string;
    let answer: { status: number; body: string } | 'silence';

    beforeAll(async () => {
      server = createServer((request, response) => {
        if (request.url?.endsWith('/version')) return response.end('{"Version":"1","Components":[]}');
        if (request.url?.endsWith('/info')) return response.end('{"Runtimes":{}}');
        if (answer === 'silence') return undefined;
        return response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      address = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });

    afterAll(() => {
      server.closeAllConnections();
      server.close();
    });

    const troubled = () =>
      createContainerProvider({ dockerHost: address, imageReferences: testEngine().imageReferenceMap, pidsLimit: 256 });

    it('is unavailable at start when nothing listens', async () => {
      const options = { imageReferences: testEngine().imageReferenceMap, pidsLimit: 256 };
      expect(await rejectionKind(createContainerProvider({ ...options, dockerHost: 'unix:///nonexistent/engine.sock' }))).toBe(
        'unavailable',
      );
      expect(await rejectionKind(createContainerProvider({ ...options, dockerHost: 'ssh://host' }))).toBe('misconfigured');
    });

    it.each([
      ['a 404 that is not about a container', { status: 404, body: '{"message":"page not found"}' }],
      ['a 500', { status: 500, body: '{"message":"database is locked"}' }],
      ['a proxy in between', { status: 502, body: 'bad gateway' }],
    ])('never calls a sandbox gone or removed because of %s', async (_, reply) => {
      answer = reply;
      const other = await troubled();
      const handle = { providerRef: 'a'.repeat(64) };
      expect(['internal', 'unavailable']).toContain(await rejectionKind(other.inspect(handle, patient())));
      expect(['internal', 'unavailable']).toContain(
        await rejectionKind(other.exec(handle, ['true'], { timeoutMs: 1_000 }, patient())),
      );
      expect(['internal', 'unavailable', 'timeout']).toContain(
        await rejectionKind(other.terminate(handle, AbortSignal.timeout(500))),
      );
      await other.close();
    });

    it('keeps every deadline when the engine is silent', async () => {
      answer = 'silence';
      const other = await troubled();
      const handle = { providerRef: 'a'.repeat(64) };
      const soon = () => AbortSignal.timeout(100);
      expect(await rejectionKind(other.create(sandboxSpec(IMAGE), soon()))).toBe('timeout');
      expect(await rejectionKind(other.exec(handle, ['true'], { timeoutMs: 1_000 }, soon()))).toBe('timeout');
      expect(await rejectionKind(other.inspect(handle, soon()))).toBe('timeout');
      expect(await rejectionKind(other.terminate(handle, soon()))).toBe('timeout');
      expect(await rejectionKind(other.list('x', soon()))).toBe('timeout');
      server.closeAllConnections(); // the abandoned create sees its connection break
      await other.close();
    });
  });

  it('lists nothing of what the tests above made', async () => {
    const mine = await eventually(
      () => provider.list(spec.installationId, patient()),
      (list) => list.length === 1,
    );
    expect(mine.map(({ providerRef }) => providerRef)).toEqual([sandbox.providerRef]);
  });
});

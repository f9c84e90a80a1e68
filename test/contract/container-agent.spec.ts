import type { ProviderHandle } from '@tollbox/sandboxes/application/ports/provider';
import type { ContainerProvider } from '@tollbox/sandboxes/infrastructure/container/container.provider';
import { connectEngine } from '@tollbox/sandboxes/infrastructure/container/engine-connection';
import { testEngine } from '../support/stack';
import { IMAGE, testContainerProvider } from './container-subject';
import { eventually, patient, rejectionKind, run, sandboxSpec } from './provider-contract';

async function* text(value: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(value));
}

/** Takes the place of the agent's server and answers every connection with bytes that are none of its own. */
const IMPOSTOR = `
import array, os, signal, socket, time
os.kill(os.getppid(), signal.SIGKILL)
if os.fork(): time.sleep(30)
os.setsid()
server = socket.socket(socket.AF_UNIX)
while True:
    try: server.bind('\\0tollbox-agent'); break
    except OSError: time.sleep(0.001)
server.listen()
while True:
    connection, _ = server.accept()
    _, control, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(8))
    fds = array.array('i'); fds.frombytes(control[0][2])
    os.write(fds[1], b'\\xff' * 4096)
    time.sleep(0.5)
`;

describe('the agent of a container', () => {
  let provider: ContainerProvider;
  let sandbox: ProviderHandle;

  beforeAll(async () => {
    provider = await testContainerProvider();
    sandbox = await provider.create(sandboxSpec(IMAGE), patient());
  });

  afterAll(async () => {
    await provider.terminate(sandbox, patient());
    await provider.close();
  });

  const worksInEveryWay = async (handle = sandbox) => {
    const script = 'cat; echo $WHO; pwd; echo err >&2; exit 3';
    const options = { timeoutMs: 30_000, env: { WHO: 'me' }, workdir: '/tmp', stdin: text('in\n') };
    const result = await run(provider, handle, ['sh', '-c', script], options);
    expect([result.stdout.toString(), result.stderr.toString()]).toEqual(['in\nme\n/tmp\n', 'err\n']);
    expect(result).toMatchObject({ returncode: 3, timedOut: false });
    expect(await run(provider, handle, ['/no/such'])).toMatchObject({ returncode: 127 });
    expect(await run(provider, handle, ['sleep', '30'], { timeoutMs: 300 })).toMatchObject({ returncode: 137, timedOut: true });
  };

  it('needs nothing of the image but the program that is run', async () => {
    const docker = connectEngine(testEngine().dockerHost);
    const reference = 'localhost/tollbox-test/bare:1';
    const model = await provider.create(sandboxSpec(IMAGE), patient());
    const strip = 'rm -f /usr/bin/sleep /usr/bin/timeout /usr/bin/python* /usr/bin/env /usr/bin/tar';
    expect(await run(provider, model, ['sh', '-c', strip])).toMatchObject({ returncode: 0 });
    await docker.getContainer(model.providerRef).commit({ repo: 'localhost/tollbox-test/bare', tag: '1' });
    await provider.terminate(model, patient());
    const other = await testContainerProvider({ imageReferences: new Map([[IMAGE, reference]]) });
    const handle = await other.create(sandboxSpec(IMAGE), patient());
    try {
      expect((await run(other, handle, ['echo', 'hello'])).stdout.toString()).toBe('hello\n');
      expect(await run(other, handle, ['cat', '/dev/zero'], { timeoutMs: 200 })).toMatchObject({ timedOut: true });
      const written = await other.files!.write(handle, '/tmp/file', text('content'), {}, patient());
      expect(written).toEqual({ sizeBytes: 7 });
    } finally {
      await other.terminate(handle, patient());
      await other.close();
      await docker.getImage(reference).remove({ force: true });
    }
  });

  it('holds processes that another gateway finds again', async () => {
    const other = await testContainerProvider();
    const options = { timeoutMs: 30_000, keepStdinOpen: true };
    await provider.processes!.start(sandbox, 'shared', ['sh', '-c', 'read line; echo got $line'], options, patient());
    await other.processes!.writeStdin(sandbox, 'shared', Buffer.from('it\n'), { close: true }, patient());
    const start = { stdoutOffsetBytes: 0, stderrOffsetBytes: 0 };
    const seen: string[] = [];
    for await (const event of other.processes!.follow(sandbox, 'shared', start, patient()))
      seen.push(event.kind === 'exit' ? String(event.returncode) : Buffer.from(event.bytes).toString());
    expect(seen).toEqual(['got it\n', '0']);
    await other.close();
  });

  it('ended by a command: that command is not called unstarted, and the next ones work', async () => {
    expect(await rejectionKind(run(provider, sandbox, ['sh', '-c', 'kill -9 $PPID; sleep 30']))).toBe('internal');
    await worksInEveryWay();
  });

  it('stopped by a command: that command times out, and the next ones work without it', async () => {
    const handle = await provider.create(sandboxSpec(IMAGE), patient());
    const stopping = await run(provider, handle, ['sh', '-c', 'kill -STOP $PPID; sleep 30'], { timeoutMs: 300 });
    expect(stopping).toMatchObject({ returncode: 137, timedOut: true });
    await worksInEveryWay(handle);
    expect(await rejectionKind(provider.processes!.status(handle, 'any', patient()))).toBe('unavailable');
    await provider.terminate(handle, patient());
  });

  it('impersonated by a command: nothing of what it says is believed, and the next ones work without it', async () => {
    const handle = await provider.create(sandboxSpec(IMAGE), patient());
    expect(await rejectionKind(run(provider, handle, ['python3', '-c', IMPOSTOR]))).toBe('internal');
    await eventually(
      async () => (await run(provider, handle, ['sh', '-c', 'grep -c tollbox-agent /proc/net/unix'])).stdout.toString(),
      (count) => count !== '0\n',
    );
    await worksInEveryWay(handle);
    await provider.terminate(handle, patient());
  });
});

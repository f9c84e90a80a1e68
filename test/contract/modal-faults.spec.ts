import type { ProviderHandle } from '@tollbox/sandboxes/application/ports/provider';
import type { ModalProvider } from '@tollbox/sandboxes/infrastructure/modal/modal-provider';
import { createHash } from 'node:crypto';
import { Status } from 'nice-grpc';
import { LocalControlPlane } from '../support/modal/control-plane';
import type { SandboxCreateRequest, TaskExecStdinWriteRequest } from '../support/modal/messages';
import { IMAGE, keepingLogger, providerOn } from '../support/modal/provider-on-plane';
import { collect, eventually, patient, rejectionKind, run, sandboxSpec } from './contract-helpers';

/** What breaks in the middle: streams, tokens, and sandboxes that are suddenly unknown. */
describe('the Modal provider, when something breaks in the middle', () => {
  let plane: LocalControlPlane;
  let provider: ModalProvider;
  let sandbox: ProviderHandle;
  const logger = keepingLogger();

  beforeAll(async () => {
    plane = await LocalControlPlane.start();
    provider = providerOn(plane, { logger });
    sandbox = await provider.create(sandboxSpec(IMAGE), patient());
  });
  afterEach(() => plane.clearFaults());
  afterAll(async () => {
    await provider.close();
    await plane.stop();
  });

  const lines = ['python3', '-c', 'for i in range(200_000): print(i)'];
  const expected = Buffer.from(Array.from({ length: 200_000 }, (_, line) => `${line}\n`).join(''));
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  it('goes on with a stream that was cut, where it was cut', async () => {
    plane.cutNextStream('taskExecStdioRead', Status.UNAVAILABLE, 3, 4);
    const { stdout, returncode } = await run(provider, sandbox, lines);
    expect(returncode).toBe(0);
    expect(stdout.length).toBe(expected.length);
    expect(sha256(stdout)).toBe(sha256(expected));
  });

  it('gives the output so far and reports a stream that cannot go on', async () => {
    plane.cutNextStream('taskExecStdioRead', Status.DATA_LOSS, 2, 2);
    const process = await provider.exec(sandbox, lines, { timeoutMs: 30_000 }, patient());
    const failure = rejectionKind(process.exit);
    const [stdout] = await Promise.all([collect(process.stdout), collect(process.stderr)]);
    expect(await failure).toBe('internal');
    expect(stdout.length).toBeGreaterThan(0);
    expect(expected.subarray(0, stdout.length).equals(stdout)).toBe(true);
  });

  it('asks for a new token when that of the sandbox has expired, also in the middle of a command', async () => {
    plane.setTokenLifetime(20); // the SDK renews none that has more than 30 s left
    const shortly = await provider.create(sandboxSpec(IMAGE), patient());
    async function* late(): AsyncGenerator<Uint8Array> {
      plane.expireRouterTokens();
      yield await Promise.resolve(Buffer.from('two\n'));
    }
    const script = ['sh', '-c', 'echo one; read line; echo $line'];
    const process = await provider.exec(shortly, script, { timeoutMs: 30_000, stdin: late() }, patient());
    const [stdout, , exit] = await Promise.all([collect(process.stdout), collect(process.stderr), process.exit]);
    plane.setTokenLifetime(3_600);
    expect(stdout.toString()).toBe('one\ntwo\n');
    expect(exit).toEqual({ returncode: 0, timedOut: false });
  });

  it('opens a new connection after a worker has refused its token', async () => {
    await run(provider, sandbox, ['true']);
    plane.expireRouterTokens();
    expect(await rejectionKind(run(provider, sandbox, ['true']))).toBe('misconfigured');
    expect(await run(provider, sandbox, ['true'])).toMatchObject({ returncode: 0 });
  });

  it('never calls a command that has started not started', async () => {
    for (const code of [Status.RESOURCE_EXHAUSTED, Status.UNAUTHENTICATED, Status.INVALID_ARGUMENT]) {
      plane.failNext('taskExecWait', code, 'no', 3);
      const process = await provider.exec(sandbox, ['true'], { timeoutMs: 5_000 }, patient());
      const failure = rejectionKind(process.exit);
      await Promise.all([collect(process.stdout), collect(process.stderr)]);
      expect([code, await failure]).toEqual([code, 'unavailable']);
      plane.clearFaults();
    }
  });

  it('renews its own token before it expires', async () => {
    plane.setTokenLifetime(3);
    const fresh = providerOn(plane);
    await fresh.inspect(sandbox, patient());
    const before = plane.calledMethods('authTokenGet').length;
    const renewed = await eventually(
      async () => [(await fresh.inspect(sandbox, patient())).kind, plane.calledMethods('authTokenGet').length > before],
      ([, isRenewed]) => isRenewed === true,
    );
    plane.setTokenLifetime(3_600);
    expect(renewed).toEqual(['running', true]);
    await fresh.close();
  });

  it('is unavailable while the way to a sandbox cannot be had, and works again afterwards', async () => {
    const other = providerOn(plane);
    plane.failNext('sandboxGetCommandRouterAccess', Status.UNAVAILABLE, 'no router', 4);
    expect(await rejectionKind(run(other, sandbox, ['true']))).toBe('unavailable');
    expect(await run(other, sandbox, ['true'])).toMatchObject({ returncode: 0 });
    await other.close();
  });

  it('says when to come back when Modal has no room for a command', async () => {
    plane.failNext('taskExecStart', Status.RESOURCE_EXHAUSTED, 'too many execs');
    await expect(run(provider, sandbox, ['true'])).rejects.toMatchObject({ kind: 'rate_limited', retryAfterMs: 1_000 });
  });

  it('finds a vanished sandbox gone for commands, unknown to a look, and nothing to end', async () => {
    const lost = await provider.create(sandboxSpec(IMAGE), patient());
    await run(provider, lost, ['true']);
    plane.loseSandbox(lost.providerRef);
    expect(await rejectionKind(run(provider, lost, ['true']))).toBe('gone');
    expect(await provider.inspect(lost, patient())).toEqual({ kind: 'not_found' });
    await provider.terminate(lost, patient());
  });

  it('ends the streams of a command whose sandbox vanishes, and says so', async () => {
    const lost = await provider.create(sandboxSpec(IMAGE), patient());
    const process = await provider.exec(lost, ['sh', '-c', 'echo up; sleep 30'], { timeoutMs: 40_000 }, patient());
    const failure = rejectionKind(process.exit);
    const stderr = collect(process.stderr);
    const chunks: string[] = [];
    for await (const chunk of process.stdout) {
      chunks.push(Buffer.from(chunk).toString());
      plane.loseSandbox(lost.providerRef);
    }
    await stderr;
    expect(chunks.join('')).toBe('up\n');
    expect(await failure).toBe('gone');
  });

  it('sends input in large pieces, and reports one that breaks off', async () => {
    async function* small(): AsyncGenerator<Uint8Array> {
      for (let piece = 0; piece < 300; piece += 1) yield await Promise.resolve(Buffer.alloc(10_000, 'x'));
    }
    const before = plane.requests('taskExecStdinWrite').length;
    const { stdout } = await run(provider, sandbox, ['wc', '-c'], { timeoutMs: 30_000, stdin: small() });
    expect(stdout.toString().trim()).toBe('3000000');
    const writes = plane.requests('taskExecStdinWrite').slice(before) as TaskExecStdinWriteRequest[];
    expect(writes.map(({ eof }) => eof)).toEqual([false, false, false, true]);

    async function* broken(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('x'));
      throw new Error('the buyer went away');
    }
    expect(await rejectionKind(run(provider, sandbox, ['wc', '-c'], { timeoutMs: 5_000, stdin: broken() }))).toBe('unavailable');
  });

  it('sends variables as an ephemeral secret to the older API, inline to the newer one, and logs no value', async () => {
    const env = { TOKEN: 'value-of-a-buyer' };
    await provider.create(sandboxSpec(IMAGE, { env }), patient());
    const newer = plane.requests('sandboxCreateV2').at(-1) as SandboxCreateRequest;
    expect(newer.secretSources).toEqual([expect.objectContaining({ env: { contents: env } })]);
    const gpu = await provider.create(sandboxSpec(IMAGE, { env, gpu: 'T4' }), patient());
    expect((plane.requests('sandboxCreate').at(-1) as SandboxCreateRequest).definition?.secretIds).toHaveLength(1);
    expect((await run(provider, gpu, ['sh', '-c', 'echo $TOKEN'])).stdout.toString()).toBe('value-of-a-buyer\n');
    expect(logger.lines.join('\n')).not.toContain('value-of-a-buyer');
  });

  it('gives the deadline of a create to its setup commands too, and builds what is asked for twice once', async () => {
    const spec = () => sandboxSpec(IMAGE, { owner: '0xc', setupCommands: ['sleep 0.3; echo built > "$HOME/built"'] });
    expect(await rejectionKind(provider.create(spec(), AbortSignal.timeout(50)))).toBe('timeout');
    const made = await Promise.all([spec(), spec()].map((each) => provider.create(each, patient())));
    const builds = plane.requests('imageGetOrCreate').filter((request) => JSON.stringify(request).includes('/built'));
    expect(builds).toHaveLength(1);
    for (const handle of made)
      expect((await run(provider, handle, ['sh', '-c', 'cat "$HOME/built"'])).stdout.toString()).toBe('built\n');
  });
});

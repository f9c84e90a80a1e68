import type { ProviderHandle } from '@tollbox/sandboxes/application/ports/provider';
import type { ModalProvider } from '@tollbox/sandboxes/infrastructure/modal/modal-provider';
import { ModalClient } from 'modal';
import { Status } from 'nice-grpc';
import { LocalControlPlane } from '../support/modal/control-plane';
import type { SandboxCreateRequest, TaskExecStartRequest } from '../support/modal/messages';
import { IMAGE, keepingLogger, providerOn } from '../support/modal/provider-on-plane';
import { eventually, patient, rejectionKind, run, sandboxSpec } from './provider-contract';

/** What is Modal's own: the requests it gets, the ways it fails, and what the provider makes of them. */
describe('the Modal provider', () => {
  let plane: LocalControlPlane;
  let provider: ModalProvider;
  const logger = keepingLogger();

  beforeAll(async () => {
    plane = await LocalControlPlane.start();
  });
  beforeEach(() => {
    provider = providerOn(plane, { logger });
  });
  afterEach(async () => {
    plane.clearFaults();
    await provider.close();
  });
  afterAll(() => plane.stop());

  const noSandboxLeft = (installationId: string) =>
    eventually(
      () =>
        Promise.resolve(plane.runningSandboxes().filter(({ tags }) => tags.some(({ tagValue }) => tagValue === installationId))),
      (left) => left.length === 0,
    );

  describe('uses the SDK', () => {
    it('in the version that it was proven with', () => {
      expect(new ModalClient({ tokenId: 'ak-x', tokenSecret: 'as-x' }).version()).toBe('0.11.1');
    });

    it('with all limits of the sandbox equal to its requests, tags, open network and gVisor', async () => {
      const spec = sandboxSpec(IMAGE, { cpuMillis: 1_000, memoryMiB: 512, lifetimeMs: 60_001 });
      await provider.create(spec, patient());
      const request = plane.requests('sandboxCreateV2').at(-1) as SandboxCreateRequest;
      expect(request.tags).toEqual([
        { tagName: 'tollbox_installation', tagValue: spec.installationId },
        { tagName: 'tollbox_sandbox', tagValue: spec.sandboxId },
      ]);
      expect(request.definition).toMatchObject({
        timeoutSecs: 61,
        runtime: 'gvisor',
        entrypointArgs: [],
        networkAccess: { networkAccessType: 1 },
        resources: { milliCpu: 500, milliCpuMax: 500, memoryMb: 512, memoryMbMax: 512 },
      });
    });

    it('and asks for the app and the image once, however many sandboxes are created at the same time', async () => {
      const before = plane.calledMethods().length;
      await Promise.all(Array.from({ length: 20 }, () => provider.create(sandboxSpec(IMAGE), patient())));
      await provider.create(sandboxSpec(IMAGE), patient());
      const calls = plane.calledMethods().slice(before);
      expect(calls.filter((method) => method === 'appGetOrCreate')).toHaveLength(1);
      expect(calls.filter((method) => method === 'imageGetOrCreate')).toHaveLength(1);
      expect(calls.filter((method) => method === 'sandboxCreateV2')).toHaveLength(21);
    });

    it('and its older API for a GPU, with the same behaviour', async () => {
      const spec = sandboxSpec(IMAGE, { gpu: 'A100-80GB:2' });
      const sandbox = await provider.create(spec, patient());
      const request = plane.requests('sandboxCreate').at(-1) as SandboxCreateRequest;
      expect(request.definition?.resources?.gpuConfig).toMatchObject({ gpuType: 'A100-80GB', count: 2 });
      expect(await run(provider, sandbox, ['sh', '-c', 'exit 7'])).toMatchObject({ returncode: 7 });
      expect(await provider.list(spec.installationId, patient())).toEqual([
        { providerRef: sandbox.providerRef, sandboxId: spec.sandboxId, createdAt: null },
      ]);
      await provider.terminate(sandbox, patient());
      expect(await provider.inspect(sandbox, patient())).toEqual({ kind: 'ended', returncode: 137, outOfMemory: false });
    });

    it('with exec timeouts rounded up to whole seconds', async () => {
      const sandbox = await provider.create(sandboxSpec(IMAGE), patient());
      await run(provider, sandbox, ['true'], { timeoutMs: 1_001 });
      expect((plane.requests('taskExecStart').at(-1) as TaskExecStartRequest).timeoutSecs).toBe(2);
    });

    it('by reference alone, when another process created the sandbox', async () => {
      const spec = sandboxSpec(IMAGE);
      const sandbox = await provider.create(spec, patient());
      const other = providerOn(plane);
      expect(await run(other, sandbox, ['echo', 'hello'])).toMatchObject({ returncode: 0 });
      expect(await other.list(spec.installationId, patient())).toEqual([{ ...sandboxListing(sandbox, spec.sandboxId) }]);
      await other.terminate(sandbox, patient());
      await other.close();
      expect((await provider.inspect(sandbox, patient())).kind).toBe('ended');
      expect(await rejectionKind(run(provider, sandbox, ['true']))).toBe('gone');
    });

    it('with bounded connections, and never cuts one that a command uses', async () => {
      const narrow = providerOn(plane, { maxIdleHandles: 1 });
      const [first, second, third] = await Promise.all([1, 2, 3].map(() => narrow.create(sandboxSpec(IMAGE), patient())));
      const running = run(narrow, first!, ['sh', '-c', 'echo a; sleep 0.5; echo b; sleep 0.5; echo c']);
      for (const sandbox of [second!, third!, second!]) await run(narrow, sandbox, ['true']);
      expect((await running).stdout.toString()).toBe('a\nb\nc\n');
      expect(await run(narrow, first!, ['true'])).toMatchObject({ returncode: 0 });
      await narrow.close();
    });
  });

  describe('a create', () => {
    it('that meets the rate limit says when to come back', async () => {
      plane.failNext('sandboxCreateV2', Status.RESOURCE_EXHAUSTED, 'Sandbox creation rate limit (5/s) exceeded');
      await expect(provider.create(sandboxSpec(IMAGE), patient())).rejects.toMatchObject({
        kind: 'rate_limited',
        retryAfterMs: 1_000,
      });
    });

    it('waits its turn, and is refused when too many wait', async () => {
      const slow = providerOn(plane, { createsPerSecond: 0.01, createMaxWaitMs: 10_000 });
      await slow.create(sandboxSpec(IMAGE, { owner: 'a' }), patient());
      const left = new AbortController();
      const waiting = rejectionKind(slow.create(sandboxSpec(IMAGE, { owner: 'a' }), left.signal));
      await eventually(
        () =>
          slow.create(sandboxSpec(IMAGE, { owner: 'a' }), AbortSignal.timeout(100)).catch((error: unknown) => error as object),
        (refusal) => 'kind' in refusal && refusal.kind === 'rate_limited',
      );
      left.abort();
      expect(await waiting).toBe('timeout');
      await slow.close();
    });

    it('with credentials that Modal does not know is misconfigured', async () => {
      const stranger = providerOn(plane, { tokenSecret: 'as-wrong' });
      expect(await rejectionKind(stranger.create(sandboxSpec(IMAGE), patient()))).toBe('misconfigured');
      await stranger.close();
    });

    it('of an image that cannot be built is misconfigured, and is tried again the next time', async () => {
      const broken = providerOn(plane, { images: ['does-not-exist:1'] });
      const builds = () => plane.calledMethods('imageGetOrCreate').length;
      const before = builds();
      expect(await rejectionKind(broken.create(sandboxSpec('does-not-exist:1'), patient()))).toBe('misconfigured');
      expect(await rejectionKind(broken.create(sandboxSpec('does-not-exist:1'), patient()))).toBe('misconfigured');
      expect(builds()).toBe(before + 2);
      await broken.close();
    });

    it('of a GPU that Modal does not have is invalid', async () => {
      expect(await rejectionKind(provider.create(sandboxSpec(IMAGE, { gpu: 'VOODOO2' }), patient()))).toBe('invalid');
    });

    it('after Modal has dropped the image is unavailable once, then builds the image anew', async () => {
      await provider.create(sandboxSpec(IMAGE), patient());
      plane.forgetImages();
      expect(await rejectionKind(provider.create(sandboxSpec(IMAGE), patient()))).toBe('unavailable');
      await provider.create(sandboxSpec(IMAGE), patient());
    });

    it('whose answer is lost once is repeated by the SDK and makes one sandbox', async () => {
      const spec = sandboxSpec(IMAGE);
      plane.loseNextAnswer('sandboxCreateV2');
      const sandbox = await provider.create(spec, patient());
      expect(await provider.list(spec.installationId, patient())).toEqual([sandboxListing(sandbox, spec.sandboxId)]);
    });

    it('whose answer stays lost has an unknown outcome, and the sandbox is found by its tag', async () => {
      const spec = sandboxSpec(IMAGE);
      plane.loseNextAnswer('sandboxCreateV2', 4);
      expect(await rejectionKind(provider.create(spec, patient()))).toBe('timeout');
      const [found] = await provider.list(spec.installationId, patient());
      expect(found?.sandboxId).toBe(spec.sandboxId);
    });

    it('that fails before anything could have been created is simply unavailable', async () => {
      plane.failNext('appGetOrCreate', Status.UNAVAILABLE, 'no route', 4);
      expect(await rejectionKind(provider.create(sandboxSpec(IMAGE), patient()))).toBe('unavailable');
    });

    it('that succeeds after its deadline is undone', async () => {
      const spec = sandboxSpec(IMAGE);
      await provider.create(sandboxSpec(IMAGE), patient());
      const terminations = plane.calledMethods('sandboxTerminateV2').length;
      plane.delayNext('sandboxCreateV2', 400);
      expect(await rejectionKind(provider.create(spec, AbortSignal.timeout(100)))).toBe('timeout');
      await eventually(
        () => Promise.resolve(plane.calledMethods('sandboxTerminateV2').length),
        (count) => count > terminations,
      );
      expect(plane.calledMethods('sandboxTerminateV2')).toHaveLength(terminations + 1);
      expect(await noSandboxLeft(spec.installationId)).toEqual([]);
    });

    it('whose deadline passes while the image is built asks for no sandbox', async () => {
      const fresh = providerOn(plane);
      const creates = plane.calledMethods('sandboxCreateV2').length;
      plane.delayNext('imageGetOrCreate', 300);
      expect(await rejectionKind(fresh.create(sandboxSpec(IMAGE), AbortSignal.timeout(100)))).toBe('timeout');
      await fresh.create(sandboxSpec(IMAGE), patient()); // shares the build and comes after it
      expect(plane.calledMethods('sandboxCreateV2')).toHaveLength(creates + 1);
      await fresh.close();
    });
  });

  describe('an exec', () => {
    let sandbox: ProviderHandle;
    beforeEach(async () => {
      sandbox = await provider.create(sandboxSpec(IMAGE), patient());
    });

    it('of more arguments than Modal takes is invalid', async () => {
      expect(await rejectionKind(run(provider, sandbox, ['echo', 'x'.repeat(70_000)]))).toBe('invalid');
    });

    it('is gone when the sandbox ends while the command runs', async () => {
      const process = await provider.exec(sandbox, ['sh', '-c', 'echo up; sleep 30'], { timeoutMs: 40_000 }, patient());
      const failure = rejectionKind(process.exit);
      const stderr = drain(process.stderr);
      for await (const chunk of process.stdout) {
        expect(Buffer.from(chunk).toString()).toBe('up\n');
        await provider.terminate(sandbox, patient());
      }
      await stderr;
      expect(await failure).toBe('gone');
    });

    it('counts as timed out when Modal does not say how it ended', async () => {
      const hasty = providerOn(plane, { exitMarginMs: 300 });
      plane.delayNext('taskExecWait', 2_000);
      plane.failNext('taskExecWait', Status.PERMISSION_DENIED, 'too late to matter');
      const result = await run(hasty, sandbox, ['sh', '-c', 'echo partial; sleep 30'], { timeoutMs: 1_000 });
      expect(result).toMatchObject({ returncode: 137, timedOut: true });
      expect(result.stdout.toString()).toBe('partial\n');
      await hasty.close();
    });

    it('is timed out when Modal kills the command after its streams have ended', async () => {
      const result = await run(provider, sandbox, ['sh', '-c', 'echo last; exec >&- 2>&-; sleep 30'], { timeoutMs: 1_000 });
      expect(result).toMatchObject({ returncode: 137, timedOut: true });
      expect(result.stdout.toString()).toBe('last\n');
    });

    it('that cannot read its output ends both streams and rejects', async () => {
      plane.failNext('taskExecStdioRead', Status.PERMISSION_DENIED, 'no', 2);
      const process = await provider.exec(sandbox, ['echo', 'x'], { timeoutMs: 5_000 }, patient());
      const failure = rejectionKind(process.exit);
      await Promise.all([drain(process.stdout), drain(process.stderr)]);
      expect(await failure).toBe('unavailable');
    });

    it('resumes a stream that breaks, without losing or repeating a byte', async () => {
      plane.failNext('taskExecStdioRead', Status.UNAVAILABLE, 'blip', 3);
      plane.failNext('taskExecWait', Status.UNAVAILABLE, 'blip');
      const result = await run(provider, sandbox, ['sh', '-c', 'echo once']);
      expect(result.stdout.toString()).toBe('once\n');
    });

    it('over a stale connection is unavailable once, then works', async () => {
      plane.failNext('taskExecStart', Status.NOT_FOUND, 'task not found');
      const lookups = plane.calledMethods('sandboxGetTaskIdV2').length;
      expect(await rejectionKind(run(provider, sandbox, ['true']))).toBe('unavailable');
      expect(await run(provider, sandbox, ['true'])).toMatchObject({ returncode: 0 });
      expect(plane.calledMethods('sandboxGetTaskIdV2')).toHaveLength(lookups + 1);
    });

    it('whose start is answered after the deadline is a timeout and holds nothing', async () => {
      plane.delayNext('taskExecStart', 300);
      const late = provider.exec(sandbox, ['true'], { timeoutMs: 5_000 }, AbortSignal.timeout(50));
      expect(await rejectionKind(late)).toBe('timeout');
      expect(await run(provider, sandbox, ['true'])).toMatchObject({ returncode: 0 });
    });
  });

  describe('when Modal does not answer', () => {
    it('is unavailable for inspect, terminate and list', async () => {
      const spec = sandboxSpec(IMAGE);
      const sandbox = await provider.create(spec, patient());
      for (const method of ['sandboxWaitV2', 'sandboxTerminateV2', 'sandboxListV2'])
        plane.failNext(method, Status.UNAVAILABLE, 'down', 4);
      expect(await rejectionKind(provider.inspect(sandbox, patient()))).toBe('unavailable');
      expect(await rejectionKind(provider.terminate(sandbox, patient()))).toBe('unavailable');
      expect(await rejectionKind(provider.list(spec.installationId, patient()))).toBe('unavailable');
    });

    it('gives up at the deadline of the caller', async () => {
      const sandbox = await provider.create(sandboxSpec(IMAGE), patient());
      plane.delayNext('sandboxWaitV2', 300);
      expect(await rejectionKind(provider.inspect(sandbox, AbortSignal.timeout(50)))).toBe('timeout');
    });
  });

  it('skips a sandbox that ends while it is listed', async () => {
    const spec = sandboxSpec(IMAGE);
    const sandbox = await provider.create(spec, patient());
    const other = providerOn(plane);
    plane.failNext('sandboxTagsGetV2', Status.NOT_FOUND, 'gone');
    expect(await other.list(spec.installationId, patient())).toEqual([]);
    expect(await other.list(spec.installationId, patient())).toEqual([sandboxListing(sandbox, spec.sandboxId)]);
    await other.close();
  });

  it('asks for the tags of a sandbox once', async () => {
    const spec = sandboxSpec(IMAGE);
    await provider.create(spec, patient());
    const other = providerOn(plane);
    const before = plane.calledMethods('sandboxTagsGetV2').length;
    for (let round = 0; round < 3; round += 1)
      await Promise.all([other.list(spec.installationId, patient()), provider.list(spec.installationId, patient())]);
    expect(plane.calledMethods('sandboxTagsGetV2')).toHaveLength(before + 1);
    await other.close();
  });

  it('waits at its end for a sandbox that comes too late', async () => {
    const spec = sandboxSpec(IMAGE);
    const leaving = providerOn(plane);
    await leaving.create(sandboxSpec(IMAGE), patient());
    plane.delayNext('sandboxTerminateV2', 300);
    plane.delayNext('sandboxCreateV2', 200);
    const late = rejectionKind(leaving.create(spec, AbortSignal.timeout(50)));
    expect(await late).toBe('timeout');
    await eventually(
      () =>
        Promise.resolve(plane.runningSandboxes().some(({ tags }) => tags.some(({ tagValue }) => tagValue === spec.sandboxId))),
      (running) => running,
    );
    await eventually(
      () => Promise.resolve(plane.calledMethods().at(-1)),
      (method) => method === 'sandboxTerminateV2',
    );
    await leaving.close();
    expect(plane.runningSandboxes().filter(({ tags }) => tags.some(({ tagValue }) => tagValue === spec.sandboxId))).toEqual([]);
  });

  it('never logs a credential or the arguments of a command, however much the SDK would log', async () => {
    process.env['MODAL_LOGLEVEL'] = 'debug';
    const talkative = providerOn(plane, { logger });
    delete process.env['MODAL_LOGLEVEL'];
    const sandbox = await talkative.create(sandboxSpec(IMAGE), patient());
    await run(talkative, sandbox, ['echo', 'argument-of-a-buyer']);
    await talkative.close();
    const text = logger.lines.join('\n');
    expect(text).toContain('created after its deadline');
    expect(text).toContain('modal-sdk');
    expect(text).not.toContain('as-test');
    expect(text).not.toContain('argument-of-a-buyer');
  });
});

function sandboxListing(handle: ProviderHandle, sandboxId: string): object {
  return { providerRef: handle.providerRef, sandboxId, createdAt: null };
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of stream) expect(chunk).toBeInstanceOf(Uint8Array);
}

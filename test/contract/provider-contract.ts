import {
  type ProviderFeature,
  type ProviderHandle,
  type SandboxProvider,
  type SandboxSpec,
} from '@tollbox/sandboxes/application/ports/provider';
import { createHash, randomUUID } from 'node:crypto';
import { collect, eventually, patient, rejectionKind, run, sandboxSpec } from './contract-helpers';
import { describeFeatures } from './feature-contract';

export { eventually, patient, rejectionKind, run, type RunResult, sandboxSpec } from './contract-helpers';

/** What a provider's spec file gives the contract suite. */
export interface ContractSubject {
  readonly provider: SandboxProvider;
  /** An image that the provider can start; it has sh, coreutils and python3. */
  readonly image: string;
  /** Handles that the provider has never given out. */
  readonly unknownHandle: ProviderHandle;
  /** Shortest lifetime that the provider can keep. */
  readonly shortLifetimeMs: number;
  /** Ends everything that the subject started. */
  close(): Promise<void>;
}

/**
 * Every provider passes this suite, and the tests of the features that it declares. The specs of a provider add what is its
 * own.
 */
export function describeProviderContract(
  name: string,
  features: readonly ProviderFeature[],
  setup: () => Promise<ContractSubject>,
): void {
  describe(`${name} keeps the provider contract`, () => {
    let subject: ContractSubject;
    let provider: SandboxProvider;
    let sandbox: ProviderHandle;
    let spec: SandboxSpec;

    beforeAll(async () => {
      subject = await setup();
      provider = subject.provider;
      spec = sandboxSpec(subject.image);
      sandbox = await provider.create(spec, patient());
    }, 120_000);

    afterAll(async () => {
      await provider.terminate(sandbox, patient());
      await subject.close();
    }, 60_000);

    it('declares exactly the features that it is tested for', () => {
      expect([...provider.capabilities().features].sort()).toEqual([...features].sort());
    });
    describeFeatures(features, () => ({ provider, image: subject.image, sandbox }));

    describe('exec', () => {
      it('keeps stdout, stderr and the exit code apart', async () => {
        const result = await run(provider, sandbox, ['sh', '-c', 'echo out; echo err >&2; exit 3']);
        expect(result.stdout.toString()).toBe('out\n');
        expect(result.stderr.toString()).toBe('err\n');
        expect(result).toMatchObject({ returncode: 3, timedOut: false });
      });

      it('gives argv to the program as it is, without a shell', async () => {
        const argv = ['$HOME', '; echo x', '`id`', '', 'a b', '"quoted"', "it's", 'line\nbreak', '*', '-rf'];
        const script = 'import sys, json; print(json.dumps(sys.argv[1:]))';
        const result = await run(provider, sandbox, ['python3', '-c', script, ...argv]);
        expect(JSON.parse(result.stdout.toString())).toEqual(argv);
      });

      it.each([0, 1, 42, 124, 126, 127, 137, 255])('returns exit code %i and does not call it a timeout', async (code) => {
        const result = await run(provider, sandbox, ['sh', '-c', `exit ${code}`]);
        expect(result).toMatchObject({ returncode: code, timedOut: false });
      });

      it.each([
        ['TERM', 143],
        ['KILL', 137],
        ['SEGV', 139],
      ])('returns 128 plus the number of a %s signal', async (signal, code) => {
        const result = await run(provider, sandbox, ['sh', '-c', `kill -${signal} $$`]);
        expect(result).toMatchObject({ returncode: code, timedOut: false });
      });

      it('returns 127 for a command that does not exist and says so on stderr', async () => {
        const result = await run(provider, sandbox, ['/no/such/program', 'x']);
        expect(result).toMatchObject({ returncode: 127, timedOut: false });
        expect(result.stderr.toString()).toMatch(/no such file/i);
      });

      it('returns 126 for a file that cannot be executed', async () => {
        const result = await run(provider, sandbox, ['/etc/passwd']);
        expect(result).toMatchObject({ returncode: 126, timedOut: false });
        expect(result.stderr.toString()).toMatch(/permission denied/i);
      });

      it('carries unicode in arguments and output', async () => {
        const text = 'żółw 🐢 日本語 \u0000'.replace('\u0000', '');
        const result = await run(provider, sandbox, ['python3', '-c', 'import sys; sys.stdout.write(sys.argv[1])', text]);
        expect(result.stdout.toString('utf8')).toBe(text);
      });

      it('carries every byte value unchanged', async () => {
        const script =
          'import sys; sys.stdout.buffer.write(bytes(range(256)) * 3); sys.stderr.buffer.write(bytes(range(255, -1, -1)))';
        const result = await run(provider, sandbox, ['python3', '-c', script]);
        const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
        expect(result.stdout.equals(Buffer.concat([all, all, all]))).toBe(true);
        expect(result.stderr.equals(Buffer.from(all).reverse())).toBe(true);
      });

      it('carries large output on both streams at once without loss', async () => {
        const script = [
          'import sys, threading',
          'def flood(stream, byte):',
          '    for _ in range(128): stream.write(byte * 32768)',
          '    stream.flush()',
          'other = threading.Thread(target=flood, args=(sys.stderr.buffer, b"e"))',
          'other.start(); flood(sys.stdout.buffer, b"o"); other.join()',
        ].join('\n');
        const result = await run(provider, sandbox, ['python3', '-c', script]);
        const hash = (data: Buffer) => createHash('sha256').update(data).digest('hex');
        expect(result.returncode).toBe(0);
        expect(hash(result.stdout)).toBe(hash(Buffer.alloc(4 << 20, 'o')));
        expect(hash(result.stderr)).toBe(hash(Buffer.alloc(4 << 20, 'e')));
      });

      it('runs a command with 60 KiB of arguments', async () => {
        const argument = 'x'.repeat(60 * 1024);
        const result = await run(provider, sandbox, ['python3', '-c', 'import sys; print(len(sys.argv[1]))', argument]);
        expect(result).toMatchObject({ returncode: 0 });
        expect(result.stdout.toString()).toBe(`${argument.length}\n`);
      });

      it('runs commands at the same time, each with its own output', async () => {
        const results = await Promise.all(
          [1, 2, 3, 4, 5].map((n) =>
            run(provider, sandbox, ['sh', '-c', `echo start ${n}; sleep 0.2; echo end ${n} >&2; exit ${n}`]),
          ),
        );
        results.forEach((result, index) => {
          expect(result.stdout.toString()).toBe(`start ${index + 1}\n`);
          expect(result.stderr.toString()).toBe(`end ${index + 1}\n`);
          expect(result.returncode).toBe(index + 1);
        });
      });

      it('keeps files between commands of one sandbox', async () => {
        await run(provider, sandbox, ['sh', '-c', 'echo kept > "${TMPDIR:-/tmp}/kept"']);
        const result = await run(provider, sandbox, ['sh', '-c', 'cat "${TMPDIR:-/tmp}/kept"']);
        expect(result.stdout.toString()).toBe('kept\n');
      });

      it('ends an idle standard input at once', async () => {
        const result = await run(provider, sandbox, ['cat']);
        expect(result).toMatchObject({ returncode: 0, timedOut: false });
      });
    });

    describe('the timeout of an exec', () => {
      it('ends the command, says so and keeps the output so far', async () => {
        const result = await run(provider, sandbox, ['sh', '-c', 'echo before; echo trouble >&2; sleep 60; echo after'], {
          timeoutMs: 1_000,
        });
        expect(result.stdout.toString()).toBe('before\n');
        expect(result.stderr.toString()).toBe('trouble\n');
        expect(result).toMatchObject({ returncode: 137, timedOut: true });
      });

      it('kills the whole process group', async () => {
        const script = 'sleep 4242 & sleep 4242 & (sleep 4242) & wait';
        const result = await run(provider, sandbox, ['sh', '-c', script], { timeoutMs: 1_000 });
        expect(result.timedOut).toBe(true);
        const count =
          'import glob; print(sum(b"\\0" in c and c.split(b"\\0")[1] == b"4242" for c in (open(p, "rb").read() for p in glob.glob("/proc/[0-9]*/cmdline"))))';
        const left = await eventually(
          async () => (await run(provider, sandbox, ['python3', '-c', count])).stdout.toString(),
          (answer) => answer === '0\n',
          5_000,
        );
        expect(left).toBe('0\n');
      });

      it('ends a command that ignores every signal it can', async () => {
        const script =
          'import signal, time\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\nprint("up", flush=True)\ntime.sleep(60)';
        const result = await run(provider, sandbox, ['python3', '-c', script], { timeoutMs: 1_000 });
        expect(result.stdout.toString()).toBe('up\n');
        expect(result.timedOut).toBe(true);
      });

      it('leaves the sandbox usable', async () => {
        await run(provider, sandbox, ['sleep', '60'], { timeoutMs: 1_000 });
        expect(await provider.inspect(sandbox, patient())).toEqual({ kind: 'running' });
        expect(await run(provider, sandbox, ['echo', 'still here'])).toMatchObject({ returncode: 0 });
      });
    });

    describe('the life of a sandbox', () => {
      it('runs after create', async () => {
        expect(await provider.inspect(sandbox, patient())).toEqual({ kind: 'running' });
      });

      it('ends with terminate, which may be repeated, and then refuses commands as gone', async () => {
        const handle = await provider.create(sandboxSpec(subject.image), patient());
        await provider.terminate(handle, patient());
        await provider.terminate(handle, patient());
        expect(['ended', 'not_found']).toContain((await provider.inspect(handle, patient())).kind);
        expect(await rejectionKind(run(provider, handle, ['true']))).toBe('gone');
      });

      it('ends by itself after its lifetime', async () => {
        const handle = await provider.create(sandboxSpec(subject.image, { lifetimeMs: subject.shortLifetimeMs }), patient());
        const state = await eventually(
          () => provider.inspect(handle, patient()),
          ({ kind }) => kind !== 'running',
        );
        expect(['ended', 'not_found']).toContain(state.kind);
        expect(await rejectionKind(run(provider, handle, ['true']))).toBe('gone');
        await provider.terminate(handle, patient());
      });

      it('lists the sandboxes of an installation and of no other', async () => {
        const other = randomUUID();
        const others = await Promise.all(
          [1, 2].map(() => provider.create(sandboxSpec(subject.image, { installationId: other }), patient())),
        );
        const listed = await provider.list(spec.installationId, patient());
        expect(listed).toHaveLength(1);
        expect(listed[0]).toMatchObject({ providerRef: sandbox.providerRef, sandboxId: spec.sandboxId });
        const otherRefs = (await provider.list(other, patient())).map(({ providerRef }) => providerRef);
        expect(otherRefs.sort()).toEqual(others.map(({ providerRef }) => providerRef).sort());
        await Promise.all(others.map((handle) => provider.terminate(handle, patient())));
        expect(await provider.list(other, patient())).toEqual([]);
      });

      it('lists nothing for an unknown installation', async () => {
        expect(await provider.list(randomUUID(), patient())).toEqual([]);
      });
    });

    describe('an unknown handle', () => {
      it('is not found by inspect, gone for exec and nothing to terminate', async () => {
        expect(await provider.inspect(subject.unknownHandle, patient())).toEqual({ kind: 'not_found' });
        expect(await rejectionKind(provider.exec(subject.unknownHandle, ['true'], { timeoutMs: 1_000 }, patient()))).toBe('gone');
        await provider.terminate(subject.unknownHandle, patient());
      });
    });

    describe('what cannot be made', () => {
      it('refuses an image that it does not sell, and leaves nothing behind', async () => {
        const bad = sandboxSpec('no-such-image:0');
        expect(await rejectionKind(provider.create(bad, patient()))).toBe('invalid');
        expect(await provider.list(bad.installationId, patient())).toEqual([]);
      });
    });

    describe('a deadline', () => {
      it('rejects every call as a timeout when it has passed already', async () => {
        const late = AbortSignal.abort();
        const created = sandboxSpec(subject.image);
        expect(await rejectionKind(provider.create(created, late))).toBe('timeout');
        expect(await rejectionKind(provider.exec(sandbox, ['true'], { timeoutMs: 1_000 }, late))).toBe('timeout');
        expect(await rejectionKind(provider.inspect(sandbox, late))).toBe('timeout');
        expect(await rejectionKind(provider.terminate(sandbox, late))).toBe('timeout');
        expect(await rejectionKind(provider.list(spec.installationId, late))).toBe('timeout');
        expect(await provider.inspect(sandbox, patient())).toEqual({ kind: 'running' });
        const left = await eventually(
          () => provider.list(created.installationId, patient()),
          (list) => list.length === 0,
        );
        expect(left).toEqual([]);
      });

      it('ends a running command: both streams end and exit rejects', async () => {
        const deadline = new AbortController();
        const process = await provider.exec(sandbox, ['sh', '-c', 'echo up; sleep 30'], { timeoutMs: 40_000 }, deadline.signal);
        const failure = rejectionKind(process.exit);
        const stderr = collect(process.stderr);
        const chunks: string[] = [];
        for await (const chunk of process.stdout) {
          chunks.push(Buffer.from(chunk).toString());
          deadline.abort();
        }
        await stderr;
        expect(chunks.join('')).toBe('up\n');
        expect(await failure).toBe('timeout');
      });
    });
  });
}

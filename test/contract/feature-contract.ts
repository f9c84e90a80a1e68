import type { ProviderFeature, ProviderHandle, SandboxProvider } from '@tollbox/sandboxes/application/ports/provider';
import { createHash, randomBytes } from 'node:crypto';
import { collect, eventually, patient, rejectionKind, run, sandboxSpec } from './contract-helpers';
import { describeFiles } from './files-contract';
import { describeProcesses } from './processes-contract';
import { describeSnapshots } from './snapshots-contract';

/** What a feature's tests work with; ready when they run. */
export interface FeatureSubject {
  readonly provider: SandboxProvider;
  readonly image: string;
  /** A sandbox that runs throughout the suite. */
  readonly sandbox: ProviderHandle;
}

type DescribeFeature = (subject: () => FeatureSubject) => void;

async function* pieces(bytes: Uint8Array, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += sizeBytes)
    yield await Promise.resolve(bytes.subarray(start, start + sizeBytes));
}

const printEnv = (...names: string[]) => [
  'python3',
  '-c',
  `import os, json; print(json.dumps([os.environ.get(name) for name in ${JSON.stringify(names)}]))`,
];

const execEnv: DescribeFeature = (subject) => {
  it('gives variables to one command, unchanged and on top of those of the sandbox', async () => {
    const { provider, image } = subject();
    const sandbox = await provider.create(sandboxSpec(image, { env: { KEPT: 'sandbox', OVER: 'sandbox' } }), patient());
    const odd = 'a b\n"quoted" $HOME żółw =';
    const show = printEnv('KEPT', 'OVER', 'ODD', 'EMPTY');
    const withMore = await run(provider, sandbox, show, { timeoutMs: 30_000, env: { OVER: 'command', ODD: odd, EMPTY: '' } });
    expect(JSON.parse(withMore.stdout.toString())).toEqual(['sandbox', 'command', odd, '']);
    const without = await run(provider, sandbox, show);
    expect(JSON.parse(without.stdout.toString())).toEqual(['sandbox', 'sandbox', null, null]);
    await provider.terminate(sandbox, patient());
  });
};

const execWorkdir: DescribeFeature = (subject) => {
  it('starts a command in its directory', async () => {
    const { provider, sandbox } = subject();
    const made = (await run(provider, sandbox, ['mktemp', '-d'])).stdout.toString().trim();
    const result = await run(provider, sandbox, ['pwd'], { timeoutMs: 30_000, workdir: made });
    expect(result.stdout.toString()).toBe(`${made}\n`);
  });

  it('refuses a directory that is not an absolute path', async () => {
    const { provider, sandbox } = subject();
    const refused = provider.exec(sandbox, ['pwd'], { timeoutMs: 1_000, workdir: 'relative' }, patient());
    expect(await rejectionKind(refused)).toBe('invalid');
  });
};

const execStdin: DescribeFeature = (subject) => {
  it('gives bytes to the standard input and closes it after them', async () => {
    const { provider, sandbox } = subject();
    const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    const result = await run(provider, sandbox, ['cat'], { timeoutMs: 30_000, stdin: pieces(all, 7) });
    expect(result.stdout.equals(all)).toBe(true);
    expect(result).toMatchObject({ returncode: 0, timedOut: false });
  });

  it('carries large input without loss', async () => {
    const { provider, sandbox } = subject();
    const bytes = randomBytes(5 << 20);
    const script = 'import sys, hashlib; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())';
    const result = await run(provider, sandbox, ['python3', '-c', script], { timeoutMs: 60_000, stdin: pieces(bytes, 50_000) });
    expect(result.stdout.toString().trim()).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('ends normally when the command does not read its input', async () => {
    const { provider, sandbox } = subject();
    const result = await run(provider, sandbox, ['true'], { timeoutMs: 30_000, stdin: pieces(randomBytes(1 << 20), 65_536) });
    expect(result).toMatchObject({ returncode: 0, timedOut: false });
  });
};

const pty: DescribeFeature = (subject) => {
  const onTerminal = { timeoutMs: 30_000, pty: { rows: 33, columns: 111 } };
  it('runs a command on a terminal of the wanted size, stderr merged into stdout', async () => {
    const { provider, sandbox } = subject();
    const result = await run(provider, sandbox, ['sh', '-c', 'test -t 0 && stty size && echo err >&2; exit 4'], onTerminal);
    expect(result.stdout.toString()).toBe('33 111\r\nerr\r\n');
    expect(result.stderr.toString()).toBe('');
    expect(result).toMatchObject({ returncode: 4, timedOut: false });
  });
};

const execSignal: DescribeFeature = (subject) => {
  it('reaches every process of the command', async () => {
    const { provider, sandbox } = subject();
    const script = 'trap "echo caught; exit 7" USR1; echo up; while :; do sleep 0.05; done';
    const process = await provider.exec(sandbox, ['sh', '-c', script], { timeoutMs: 30_000 }, patient());
    const stderr = collect(process.stderr);
    const seen: string[] = [];
    for await (const chunk of process.stdout) {
      seen.push(Buffer.from(chunk).toString());
      if (seen.length === 1) await process.signal!('SIGUSR1');
    }
    await stderr;
    expect(seen.join('')).toBe('up\ncaught\n');
    expect(await process.exit).toEqual({ returncode: 7, timedOut: false });
  });
};

const ptyResize: DescribeFeature = (subject) => {
  it('tells the command of its new size', async () => {
    const { provider, sandbox } = subject();
    const script =
      'import signal, os, time\nsignal.signal(signal.SIGWINCH, lambda *_: (os.write(1, str(os.get_terminal_size()).encode()), os._exit(3)))\nprint("up", flush=True)\ntime.sleep(30)';
    const options = { timeoutMs: 30_000, pty: { rows: 24, columns: 80 } };
    const process = await provider.exec(sandbox, ['python3', '-c', script], options, patient());
    const seen: string[] = [];
    for await (const chunk of process.stdout) {
      seen.push(Buffer.from(chunk).toString());
      if (seen.length === 1) await process.resize!({ rows: 50, columns: 132 });
    }
    expect(seen.join('')).toContain('columns=132, lines=50');
    expect(await process.exit).toMatchObject({ returncode: 3 });
  });
};

const idleTimeout: DescribeFeature = (subject) => {
  it('ends a sandbox in which nothing runs, and none in which a command runs', async () => {
    const { provider, image } = subject();
    const [idle, busy] = await Promise.all(
      [1, 2].map(() => provider.create(sandboxSpec(image, { idleTimeoutMs: 1_000 }), patient())),
    );
    const running = run(provider, busy!, ['sleep', '2.5']);
    const state = await eventually(
      () => provider.inspect(idle!, patient()),
      ({ kind }) => kind !== 'running',
    );
    expect(['ended', 'not_found']).toContain(state.kind);
    expect(await running).toMatchObject({ returncode: 0 });
    await provider.terminate(busy!, patient());
  });
};

const setupCommands: DescribeFeature = (subject) => {
  const kept = 'cat "$HOME/prepared"';
  const prepare = (word: string) => [`echo '${word} "żółw" $((1+1))' > "$HOME/prepared"`];

  it('prepare the image, one line after the other, each as the shell reads it', async () => {
    const { provider, image } = subject();
    const commands = [...prepare('a'), 'echo more >> "$HOME/prepared"'];
    const sandbox = await provider.create(sandboxSpec(image, { owner: '0xa', setupCommands: commands }), patient());
    expect((await run(provider, sandbox, ['sh', '-c', kept])).stdout.toString()).toBe('a "żółw" $((1+1))\nmore\n');
    const plain = await provider.create(sandboxSpec(image, { owner: '0xa' }), patient());
    expect(await run(provider, plain, ['sh', '-c', kept])).not.toMatchObject({ returncode: 0 });
    await Promise.all([sandbox, plain].map((handle) => provider.terminate(handle, patient())));
  });

  it('run once for an owner and again for another one', async () => {
    const { provider, image } = subject();
    const commands = ['date +%s%N > "$HOME/prepared"'];
    const times: string[] = [];
    for (const owner of ['0xa', '0xa', '0xb']) {
      const sandbox = await provider.create(sandboxSpec(image, { owner, setupCommands: commands }), patient());
      times.push((await run(provider, sandbox, ['sh', '-c', kept])).stdout.toString());
      await provider.terminate(sandbox, patient());
    }
    expect(times[1]).toBe(times[0]);
    expect(times[2]).not.toBe(times[0]);
  });

  it('say what they wrote when one fails, and leave no sandbox', async () => {
    const { provider, image } = subject();
    const spec = sandboxSpec(image, { owner: '0xa', setupCommands: ['echo fine', 'echo broken >&2; exit 3', 'echo never'] });
    const failure: unknown = await provider.create(spec, patient()).catch((error: unknown) => error);
    expect(failure).toMatchObject({ kind: 'setup_failed' });
    const { output } = failure as { readonly output: string };
    expect(output).toContain('broken');
    expect(output).not.toContain('never');
    expect(await provider.list(spec.installationId, patient())).toEqual([]);
  });
};

const TESTS: Partial<Record<ProviderFeature, DescribeFeature>> = {
  exec_env: execEnv,
  exec_workdir: execWorkdir,
  exec_stdin: execStdin,
  exec_signal: execSignal,
  pty,
  pty_resize: ptyResize,
  background_processes: describeProcesses,
  files: describeFiles,
  idle_timeout: idleTimeout,
  setup_commands: setupCommands,
  snapshots: describeSnapshots,
};

/** The tests of every feature that a provider is said to have. */
export function describeFeatures(features: readonly ProviderFeature[], subject: () => FeatureSubject): void {
  for (const feature of features) {
    const tests = TESTS[feature];
    if (tests !== undefined) describe(`the feature ${feature}`, () => tests(subject));
  }
}

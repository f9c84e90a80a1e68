import { randomUUID } from 'node:crypto';
import { ProviderError, PROVIDER_FEATURES } from '@tollbox/sandboxes/application/ports/provider';
import type { FileEntry, ProviderFiles } from '@tollbox/sandboxes/application/ports/provider-files';
import { runExecutionId, type RunBody } from '@tollbox/sandboxes/domain/run';
import { processOf, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, wallet, type World } from '../support/sandboxes/world';

/** Files in memory, with what a run asks for. */
class RunFiles {
  readonly content = new Map<string, Buffer>();
  readonly directories = new Set<string>();

  readonly port: Pick<ProviderFiles, 'makeDirectory' | 'write' | 'stat' | 'read'> = {
    makeDirectory: async (_, path) => Promise.resolve(void this.directories.add(path)),
    write: async (_, path, content) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of content) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      if (path === '/proc/no') throw new ProviderError('invalid', 'refused', { problem: 'permission_denied' });
      this.content.set(path, bytes);
      return { sizeBytes: bytes.length };
    },
    stat: async (_, path) => Promise.resolve(entry(path, this.directories.has(path) ? 'directory' : 'file', this.bytesOf(path))),
    read: async (_, path) => Promise.resolve(chunksOf(this.bytesOf(path))),
  };

  private bytesOf(path: string): Buffer {
    const bytes = this.directories.has(path) ? Buffer.alloc(0) : this.content.get(path);
    if (bytes === undefined) throw new ProviderError('invalid', 'no such file', { problem: 'not_found' });
    return bytes;
  }
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(bytes);
}

const entry = (path: string, type: FileEntry['type'], bytes: Buffer): FileEntry => ({
  name: path,
  path,
  type,
  sizeBytes: bytes.length,
  mode: 0o644,
  owner: 'root',
  group: 'root',
  modifiedAt: new Date(),
  symlinkTarget: null,
});

describe('a run', () => {
  let provider: ScriptedProvider;
  let files: RunFiles;
  let world: World;
  const owner = wallet();
  beforeEach(async () => {
    files = new RunFiles();
    provider = Object.assign(new ScriptedProvider(), { files: files.port as ProviderFiles });
    const { isolation, networkPolicy, gpu } = provider.capabilities();
    provider.capabilities = () => ({ isolation, networkPolicy, gpu, features: new Set(PROVIDER_FEATURES) });
    world = await openWorld(provider, { RUN_MAX_FILE_BYTES: '10', EXEC_OVERHEAD_MS: '1000' });
  });
  afterEach(() => world.close());

  const bodyOf = (body: object): RunBody => world.operation('sandbox.run').body.parse(body) as RunBody;
  const run = (body: object, operationId = randomUUID()) =>
    world.sandboxes.run.execute({ owner, operationId, body: bodyOf(body) });
  const states = () =>
    world.query<{ state: string; reason: string; operation_id: string }>('SELECT state, reason, operation_id FROM sandboxes');

  it('creates, runs, answers and leaves nothing', async () => {
    provider.command = (argv) => processOf(JSON.stringify(argv), 'err', 3);
    const operationId = randomUUID();
    const answer = await run({ code: 'print(1)', timeout: 5 }, operationId);
    expect(answer).toMatchObject({ stdout: '["python3","-c","print(1)"]', stderr: 'err', returncode: 3, files: [] });
    expect(provider.objects.size).toBe(0);
    expect(await states()).toEqual([{ state: 'terminated', reason: 'requested', operation_id: operationId }]);
    expect(await world.query('SELECT operation_id, state FROM executions')).toEqual([
      { operation_id: runExecutionId(operationId), state: 'finished' },
    ]);
    expect(provider.specs[0]?.lifetimeMs).toBeGreaterThan(5_000);
  });

  it('writes files before the program starts, makes their directories, and sends files back', async () => {
    provider.command = () => {
      expect(files.content.get('/work/in/a.txt')?.toString()).toBe('abc');
      files.content.set('/work/out', Buffer.from('xyz'));
      files.content.set('/work/large', Buffer.alloc(8));
      return processOf('');
    };
    const input = { path: '/work/in/a.txt', content: Buffer.from('abc').toString('base64') };
    const outputs = ['/work/out', '/work/none', '/work/in', '/work/large'];
    const answer = await run({ command: ['true'], files: [input], outputs });
    expect(files.directories).toContain('/work/in');
    expect(answer.files).toEqual([
      { path: '/work/out', content: Buffer.from('xyz').toString('base64'), size_bytes: 3, error: null },
      { path: '/work/none', content: null, size_bytes: null, error: 'not_found' },
      { path: '/work/in', content: null, size_bytes: null, error: 'is_directory' },
      { path: '/work/large', content: null, size_bytes: 8, error: 'too_large' },
    ]);
  });

  it('gives env, workdir and stdin to the program', async () => {
    let seen: unknown;
    provider.command = (_, { env, workdir }) => {
      seen = { env, workdir };
      return processOf('');
    };
    await run({ command: ['env'], env: { A: '1' }, workdir: '/tmp', stdin: 'x' });
    expect(seen).toEqual({ env: { A: '1' }, workdir: '/tmp' });
  });

  it.each([
    ['a file cannot be written', { files: [{ path: '/proc/no', content: '' }] }, 'file_problem'],
    ['the program cannot be started', {}, 'execution_lost'],
  ])('is not done and leaves no sandbox when %s', async (_, more, code) => {
    provider.command = () => {
      throw new ProviderError('internal', 'it broke');
    };
    await expect(run({ command: ['true'], ...more })).rejects.toMatchObject({ code });
    expect(provider.objects.size).toBe(0);
    expect((await states())[0]).toMatchObject({ state: 'terminated' });
  });

  it('ends with its sandbox when the process that ran it died, and is not charged', async () => {
    const operationId = randomUUID();
    const running = new Promise<void>((resolve) => {
      provider.command = () => {
        resolve();
        return { ...processOf(''), exit: new Promise(() => undefined) };
      };
    });
    const abandoned = run({ command: ['sleep', '9'], timeout: 1 }, operationId).catch(() => 'given up');
    await running;
    expect(await world.operation('sandbox.run').outcomeOf(operationId)).toEqual({ kind: 'unknown' });
    expect(provider.objects.size).toBe(0);
    expect(await world.operation('sandbox.run').outcomeOf(randomUUID())).toEqual({ kind: 'not_started' });
    await abandoned;
  }, 30_000);

  it('ends its sandbox when it is never paid for', async () => {
    const operationId = randomUUID();
    const { operationId: createdBy } = await world.create(owner);
    await run({ code: '1' }, operationId);
    await world.operation('sandbox.run').revoke(operationId);
    await world.operation('sandbox.run').revoke(createdBy);
    expect((await states()).map(({ reason }) => reason).sort()).toEqual(['requested', 'unpaid']);
  });

  it('is refused before payment where the provider lacks what it asks for', async () => {
    const { isolation, networkPolicy, gpu } = provider.capabilities();
    provider.capabilities = () => ({ isolation, networkPolicy, gpu, features: new Set() });
    const body = bodyOf({ code: '1', stdin: 'x', outputs: ['/a'] });
    await expect(world.operation('sandbox.run').admit({ owner, body })).rejects.toMatchObject({
      code: 'not_supported_here',
      details: 'files and outputs, stdin',
    });
    await world.operation('sandbox.run').admit({ owner, body: bodyOf({ code: '1' }) });
  });
});

import { randomUUID } from 'node:crypto';
import { TollboxError } from '@tollbox/platform/errors/tollbox-error';
import { FILE_PROBLEMS } from '@tollbox/sandboxes/application/ports/provider-files';
import { ProviderError } from '@tollbox/sandboxes/application/ports/provider';
import { FilingProvider } from '../support/sandboxes/scripted-files';
import { Gate, ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, wallet, type World } from '../support/sandboxes/world';

const MAX_ANSWER_BYTES = 65_536;

let provider: FilingProvider;
let world: World;
let owner: string;
let sandboxId: string;
beforeAll(async () => {
  provider = new FilingProvider();
  world = await openWorld(provider, { ANSWER_MAX_BYTES: String(MAX_ANSWER_BYTES), EXEC_MAX_CONCURRENT_PER_SANDBOX: '1' });
});
afterAll(() => world.close());
beforeEach(async () => {
  provider.files.content.clear();
  Object.assign(provider.files, { before: () => undefined, after: () => undefined });
  const created = await world.create();
  owner = created.owner;
  sandboxId = created.answer.sandbox_id;
});

const work = () => world.sandboxes.files.work;
const call = (by = owner) => ({ owner: by, operationId: randomUUID(), sandboxId });
async function* bytes(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(Buffer.from(part));
}
const write = (path: string, text: string, wanted = call()) => work().write(wanted, path, bytes(text), {});
const read = async (path: string, offset = 0, limit?: number) =>
  Buffer.from(await work().read(call(), path, offset, limit)).toString();
const executionOf = async ({ operationId }: { operationId: string }) => (await world.store.findExecution(operationId))!;
const outcomeOf = (name: string, { operationId }: { operationId: string }) => world.operation(name).outcomeOf(operationId);

describe('the files of a sandbox', () => {
  it('are written, read in parts, moved, removed; each call is recorded with its paths, never with its content', async () => {
    const wanted = call();
    await work().write(wanted, '/a', bytes('hello ', 'world'), { mode: 0o600 });
    expect(await read('/a')).toBe('hello world');
    expect(await read('/a', 6, 3)).toBe('wor');
    await work().move(call(), '/a', '/b');
    await work().remove(call(), '/b', false);
    await expect(read('/b')).rejects.toMatchObject({ code: 'file_not_found' });
    await work().upload(call(), '/d', bytes('tar'));
    expect(Buffer.from(await work().download(call(), '/d')).toString()).toBe('tar');
    const rows = await world.query<{ argv: string[]; state: string; name: string }>(
      `SELECT argv, e.state, o.name FROM executions e JOIN operations o ON o.id = e.operation_id WHERE e.sandbox_id = $1 ORDER BY started_at, e.id`,
      [sandboxId],
    );
    expect(rows.map(({ argv, state }) => [...argv, state].join(' '))).toEqual([
      'files.write /a finished',
      'files.read /a finished',
      'files.read /a finished',
      'files.move /a /b finished',
      'files.remove /b finished',
      'files.read /b failed',
      'files.upload /d finished',
      'files.download /d finished',
    ]);
    expect(rows.every(({ name, argv }) => name === argv[0])).toBe(true);
    const recorded = JSON.stringify(await world.query('SELECT * FROM executions WHERE sandbox_id = $1', [sandboxId]));
    expect(recorded).not.toContain(Buffer.from('hello').toString('hex'));
  });

  it('are listed and looked at by their owner only, while the sandbox runs', async () => {
    await write('/a', 'x');
    const { look } = world.sandboxes.files;
    expect(await look.list(owner, sandboxId, '/')).toMatchObject([{ path: '/a', sizeBytes: 1 }]);
    expect(await look.stat(owner, sandboxId, '/a')).toMatchObject({ path: '/a' });
    await expect(look.stat(owner, sandboxId, '/b')).rejects.toMatchObject({ code: 'file_not_found' });
    await expect(look.list(wallet(), sandboxId, '/')).rejects.toMatchObject({ code: 'sandbox_not_found' });
    provider.files.before = () => {
      throw new ProviderError('unavailable', 'down');
    };
    await expect(look.list(owner, sandboxId, '/')).rejects.toMatchObject({ code: 'provider_unavailable' });
    await world.sandboxes.ender.end(sandboxId, 'operator', { actor: 'test' });
    await expect(look.list(owner, sandboxId, '/')).rejects.toMatchObject({ code: 'sandbox_gone' });
  });

  it('are refused before payment: to a stranger, in an ended sandbox, where the provider cannot', async () => {
    const body = { sandbox_id: sandboxId, path: '/a' };
    const admit = (by: string) => world.operation('files.read').admit({ owner: by, body });
    await admit(owner);
    await expect(admit(wallet())).rejects.toMatchObject({ code: 'sandbox_not_found' });
    await expect(write('/a', 'x', call(wallet()))).rejects.toMatchObject({ code: 'sandbox_not_found' });
    await world.sandboxes.ender.end(sandboxId, 'operator', { actor: 'test' });
    await expect(admit(owner)).rejects.toMatchObject({ code: 'sandbox_gone' });
    await expect(write('/a', 'x')).rejects.toMatchObject({ code: 'sandbox_gone' });
    const plain = world.another({}, new ScriptedProvider()).files;
    await expect(plain.work.read(call(), '/a', 0)).rejects.toMatchObject({ code: 'not_supported_here' });
    await expect(plain.look.list(owner, sandboxId, '/')).rejects.toMatchObject({ code: 'not_supported_here' });
  });

  it.each(FILE_PROBLEMS)('say %s in a code of their own, and the call is not done', async (problem) => {
    provider.files.before = () => {
      throw new ProviderError('invalid', problem, { problem });
    };
    const wanted = call();
    const error = await write('/a', 'x', wanted).catch((failure: unknown) => failure);
    expect((error as TollboxError).code).toMatch(/^(file_|sandbox_full)/);
    expect(await executionOf(wanted)).toMatchObject({ state: 'failed', error: 'invalid' });
    expect(await outcomeOf('files.write', wanted)).toEqual({ kind: 'unknown' });
  });

  it('are not read beyond what an answer may have', async () => {
    provider.files.content.set('/big', Buffer.alloc(MAX_ANSWER_BYTES + 1, 'b'));
    const wanted = call();
    await expect(work().read(wanted, '/big', 0)).rejects.toMatchObject({ code: 'answer_too_large' });
    expect((await executionOf(wanted)).state).toBe('failed');
    expect(await read('/big', 0, MAX_ANSWER_BYTES)).toHaveLength(MAX_ANSWER_BYTES);
    expect(await read('/big', 1)).toHaveLength(MAX_ANSWER_BYTES);
    await expect(work().download(call(), '/')).rejects.toMatchObject({ code: 'answer_too_large' });
  });

  it('stay as they are when the content that was paid for does not arrive, which leaves no command running', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('half'));
      throw new TollboxError('body_incomplete');
    }
    for (let time = 0; time < 3; time++)
      await expect(work().write(call(), '/a', broken(), {})).rejects.toMatchObject({ code: 'body_incomplete' });
    expect(provider.files.content.size).toBe(0);
    await write('/a', 'whole');
  });

  it('count as commands of the sandbox', async () => {
    const gate = new Gate();
    provider.files.before = gate.pass;
    const running = write('/a', 'x');
    await gate.reached;
    await expect(write('/b', 'x')).rejects.toMatchObject({ code: 'sandbox_busy' });
    gate.release();
    await running;
  });
});

describe('what became of work on files', () => {
  it('never started: not_started, and the slow process cannot start it any more', async () => {
    const wanted = call();
    expect(await outcomeOf('files.write', wanted)).toEqual({ kind: 'not_started' });
    await expect(write('/a', 'x', wanted)).rejects.toMatchObject({ code: 'operation_interrupted' });
    expect(provider.files.content.size).toBe(0);
  });

  it('finished: a change is done, a read has done nothing', async () => {
    const written = call();
    await write('/a', 'x', written);
    expect(await outcomeOf('files.write', written)).toEqual({ kind: 'done', answer: { status: 204, body: null } });
    const wanted = call();
    await work().read(wanted, '/a', 0);
    expect(await outcomeOf('files.read', wanted)).toEqual({ kind: 'not_started' });
  });

  it('under way: a change is not known and never completes, a read has done nothing', async () => {
    const gate = new Gate();
    provider.files.after = gate.pass;
    const wanted = call();
    const done = expect(write('/a', 'x', wanted)).rejects.toMatchObject({ code: 'execution_lost' });
    await gate.reached;
    expect(await outcomeOf('files.write', wanted)).toEqual({ kind: 'unknown' });
    gate.release();
    await done;
    expect(await outcomeOf('files.write', wanted)).toEqual({ kind: 'unknown' });
    await world.operation('files.write').revoke(wanted.operationId);
    expect(provider.files.content.get('/a')?.toString()).toBe('x');
  });
});

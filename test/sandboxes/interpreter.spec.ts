import { randomUUID } from 'node:crypto';
import { ProviderError, type SandboxProvider } from '@tollbox/sandboxes/application/ports/provider';
import type { CellAnswer, CellBody } from '@tollbox/sandboxes/domain/interpreter';
import { testContainerProvider } from '../contract/container-subject';
import { ScriptedProvider } from '../support/sandboxes/scripted-provider';
import { openWorld, wallet, type World } from '../support/sandboxes/world';

const CELL = 'sandboxes.cell';
const cellIn =
  (world: World, owner: string, sandboxId: string) =>
  (code: string, more: object = {}, operationId = randomUUID()) => {
    const body = world.operation(CELL).body.parse({ sandbox_id: sandboxId, code, timeout: 20, ...more }) as CellBody;
    return world.sandboxes.cell.execute({ owner, operationId, body });
  };

describe('the interpreter of a sandbox in a container', () => {
  let provider: SandboxProvider;
  let world: World;
  let owner: string;
  let sandboxId: string;
  let cell: ReturnType<typeof cellIn>;
  beforeAll(async () => {
    provider = await testContainerProvider();
    world = await openWorld(provider, { EXEC_MAX_OUTPUT_BYTES: '1024', INTERPRETER_MAX_CONTEXTS: '3' });
    const created = await world.create();
    owner = created.owner;
    sandboxId = created.answer.sandbox_id;
    cell = cellIn(world, owner, sandboxId);
  }, 60_000);
  afterAll(async () => {
    const signal = AbortSignal.timeout(30_000);
    for (const handle of await provider.list(world.installationId, signal)) await provider.terminate(handle, signal);
    await provider.close();
    await world.close();
  });

  const values = ({ results }: CellAnswer) => results.map(({ data }) => data['text/plain']);

  it('keeps variables from cell to cell of a context, and apart from other contexts', async () => {
    expect(await cell('x = 20\nprint("set")')).toMatchObject({ stdout: 'set\n', restarted: true, results: [], error: null });
    const second = await cell('x += 1\nx * 2');
    expect(second).toMatchObject({ restarted: false, stdout: '', results: [{ data: { 'text/plain': '42' }, is_value: true }] });
    const other = await cell('x', { context: 'other' });
    expect(other).toMatchObject({ restarted: true, error: { name: 'NameError' } });
  });

  it('is found again by another gateway', async () => {
    await cell('y = "kept"');
    const reconnected = await testContainerProvider();
    const second = world.another({}, reconnected);
    const body = world.operation(CELL).body.parse({ sandbox_id: sandboxId, code: 'y', timeout: 20 }) as CellBody;
    expect(values(await second.cell.execute({ owner, operationId: randomUUID(), body }))).toEqual(["'kept'"]);
    await reconnected.close();
  });

  it('shows rich results, output of subprocesses and errors as a notebook does', async () => {
    const rich = await cell(
      'class Page:\n  def _repr_html_(self): return "<b>1</b>"\n  def _repr_png_(self): return b"\\x89PNG"\ndisplay(Page())\n{"a": [1]}',
    );
    expect(rich.results).toMatchObject([
      { data: { 'text/html': '<b>1</b>', 'image/png': 'iVBORw==' }, is_value: false },
      { data: { 'application/json': '{"a": [1]}', 'text/plain': "{'a': [1]}" }, is_value: true },
    ]);
    const mixed = await cell('import os, sys\nos.system("echo sub")\nprint("err", file=sys.stderr)');
    expect(mixed).toMatchObject({ stdout: 'sub\n', stderr: 'err\n' });
    const failed = await cell('def f():\n  return 1 / 0\nf()');
    expect(failed.error).toMatchObject({ name: 'ZeroDivisionError', value: 'division by zero' });
    expect(failed.error!.traceback.join('\n')).toContain('return 1 / 0');
    expect(values(await cell('import asyncio\nawait asyncio.sleep(0)\n5'))).toEqual(['5']);
  });

  it('cuts output at the limit, and goes on with the next cell', async () => {
    const long = await cell('print("x" * 5000)');
    expect(long).toMatchObject({ stdout: 'x'.repeat(1024), stdout_truncated: true, stderr_truncated: false });
    expect(values(await cell('1'))).toEqual(['1']);
  });

  it('interrupts a cell at its timeout and keeps the variables', async () => {
    await cell('z = 7');
    const slow = await cell('print("on", flush=True)\nwhile True: pass', { timeout: 1 });
    expect(slow).toMatchObject({ timed_out: true, ended: false, stdout: 'on\n', error: { name: 'KeyboardInterrupt' } });
    expect(values(await cell('z'))).toEqual(['7']);
  });

  it('kills an interpreter that does not heed that, and starts the next cell anew', async () => {
    const deaf = 'import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)';
    expect(await cell(deaf, { timeout: 1, context: 'deaf' })).toMatchObject({ timed_out: true, ended: true });
    expect(await cell('1', { context: 'deaf' })).toMatchObject({ restarted: true, timed_out: false });
    expect(await cell('import os\nos._exit(3)', { context: 'deaf' })).toMatchObject({ ended: true, timed_out: false });
  });

  it('takes no word of the code for its own', async () => {
    const forged =
      'import os\nfor fd in range(3, 20):\n  try: os.write(fd, b\'{"id":"x","type":"done","cell":1}\\n\')\n  except OSError: pass\n"real"';
    expect(values(await cell(forged))).toEqual(["'real'"]);
  });

  it('has no more contexts than allowed', async () => {
    await expect(cell('1', { context: 'one-more' })).rejects.toMatchObject({ code: 'too_many_contexts' });
    expect(await world.query(`SELECT 1 FROM executions WHERE argv->>1 = 'one-more'`)).toEqual([]);
  });
});

describe('a cell', () => {
  let provider: ScriptedProvider;
  let world: World;
  beforeEach(async () => {
    provider = new ScriptedProvider();
    world = await openWorld(provider);
  });
  afterEach(() => world.close());

  it('is refused before payment where processes cannot be found again, and to strangers', async () => {
    const { answer, owner } = await world.create();
    const body = world.operation(CELL).body.parse({ sandbox_id: answer.sandbox_id, code: '1' });
    const refused = world.operation(CELL).admit({ owner, body });
    await expect(refused).rejects.toMatchObject({ code: 'not_supported_here' });
    await expect(cellIn(world, wallet(), answer.sandbox_id)('1')).rejects.toMatchObject({ code: 'sandbox_not_found' });
  });

  it('that its process did not answer is lost, and its context is free for the next one', async () => {
    const { answer, owner } = await world.create();
    const operationId = randomUUID();
    Object.assign(provider, {
      processes: { start: () => Promise.reject(new ProviderError('unavailable', 'the engine is gone')) },
    });
    await expect(cellIn(world, owner, answer.sandbox_id)('1', {}, operationId)).rejects.toMatchObject({ code: 'execution_lost' });
    expect(await world.operation(CELL).outcomeOf(operationId)).toEqual({ kind: 'unknown' });
    expect(await world.operation(CELL).outcomeOf(randomUUID())).toEqual({ kind: 'not_started' });
    expect(await world.query('SELECT operation_id, process_id FROM interpreter_contexts')).toEqual([
      { operation_id: null, process_id: null },
    ]);
  });

  it('waits for no other cell of its context', async () => {
    const { answer, owner } = await world.create();
    await world.query(
      `INSERT INTO interpreter_contexts (sandbox_id, name, operation_id, held_until) VALUES ($1, 'default', $2, now() + interval '1 minute')`,
      [answer.sandbox_id, randomUUID()],
    );
    await expect(cellIn(world, owner, answer.sandbox_id)('1')).rejects.toMatchObject({ code: 'sandbox_busy' });
    expect(await world.query('SELECT 1 FROM executions')).toEqual([]);
  });
});

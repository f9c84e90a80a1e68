import type { OutputEvent, ProviderProcesses } from '@tollbox/sandboxes/application/ports/provider-processes';
import { randomUUID } from 'node:crypto';
import { eventually, patient, rejectionKind, run, sandboxSpec } from './contract-helpers';
import type { FeatureSubject } from './feature-contract';

const START = { stdoutOffsetBytes: 0, stderrOffsetBytes: 0 };
const OPTIONS = { timeoutMs: 30_000, keepStdinOpen: false };

async function all(events: AsyncIterable<OutputEvent>): Promise<{ stdout: string; stderr: string; exit: OutputEvent | null }> {
  const seen = { stdout: '', stderr: '', exit: null as OutputEvent | null };
  for await (const event of events) {
    if (event.kind === 'exit') seen.exit = event;
    else seen[event.kind] += Buffer.from(event.bytes).toString();
  }
  return seen;
}

/** What every provider with the feature `background_processes` keeps. */
export function describeProcesses(subject: () => FeatureSubject): void {
  const processes = (): ProviderProcesses => subject().provider.processes!;
  const sandbox = () => subject().sandbox;

  it('are found again by their id, with their output from any position', async () => {
    const id = randomUUID();
    await processes().start(sandbox(), id, ['sh', '-c', 'echo one; echo two >&2; echo three; exit 5'], OPTIONS, patient());
    const ended = { kind: 'exit', returncode: 5, timedOut: false };
    expect(await all(processes().follow(sandbox(), id, START, patient()))).toEqual({
      stdout: 'one\nthree\n',
      stderr: 'two\n',
      exit: ended,
    });
    const later = { stdoutOffsetBytes: 4, stderrOffsetBytes: 4 };
    expect(await all(processes().follow(sandbox(), id, later, patient()))).toEqual({
      stdout: 'three\n',
      stderr: '',
      exit: ended,
    });
    const expected = { processId: id, returncode: 5, timedOut: false, stdoutBytes: 10, stderrBytes: 4 };
    expect(await processes().status(sandbox(), id, patient())).toEqual(expected);
  });

  it('take input and signals while they run', async () => {
    const id = randomUUID();
    const options = { timeoutMs: 30_000, keepStdinOpen: true };
    await processes().start(sandbox(), id, ['cat'], options, patient());
    await processes().writeStdin(sandbox(), id, Buffer.from('first '), { close: false }, patient());
    expect(await processes().status(sandbox(), id, patient())).toMatchObject({ returncode: null });
    await processes().writeStdin(sandbox(), id, Buffer.from('last'), { close: true }, patient());
    expect(await all(processes().follow(sandbox(), id, START, patient()))).toMatchObject({
      stdout: 'first last',
      exit: { returncode: 0 },
    });
    const other = randomUUID();
    await processes().start(sandbox(), other, ['sleep', '60'], OPTIONS, patient());
    await processes().signal(sandbox(), other, 'SIGTERM', patient());
    expect(await all(processes().follow(sandbox(), other, START, patient()))).toMatchObject({ exit: { returncode: 143 } });
  });

  it('end at their timeout', async () => {
    const id = randomUUID();
    await processes().start(sandbox(), id, ['sh', '-c', 'echo up; sleep 60'], { ...OPTIONS, timeoutMs: 300 }, patient());
    expect(await all(processes().follow(sandbox(), id, START, patient()))).toEqual({
      stdout: 'up\n',
      stderr: '',
      exit: { kind: 'exit', returncode: 137, timedOut: true },
    });
  });

  it('do not wait for a reader: what is no longer kept is skipped, and the offsets show it', async () => {
    const id = randomUUID();
    const bytes = 20 << 20;
    const flood = ['sh', '-c', `head -c ${bytes} /dev/zero; printf end`];
    await processes().start(sandbox(), id, flood, OPTIONS, patient());
    await eventually(
      () => processes().status(sandbox(), id, patient()),
      ({ returncode }) => returncode !== null,
    );
    let next = 0;
    let kept = '';
    for await (const event of processes().follow(sandbox(), id, START, patient())) {
      if (event.kind !== 'stdout') continue;
      expect(event.offsetBytes).toBeGreaterThanOrEqual(next);
      next = event.offsetBytes + event.bytes.length;
      kept = Buffer.from(event.bytes).toString();
    }
    expect(next).toBe(bytes + 3);
    expect(kept.endsWith('end')).toBe(true);
  });

  it('are unknown by another id, and one id cannot be taken twice', async () => {
    const id = randomUUID();
    expect(await rejectionKind(processes().status(sandbox(), id, patient()))).toBe('not_found');
    expect(await rejectionKind(all(processes().follow(sandbox(), id, START, patient())))).toBe('not_found');
    await processes().start(sandbox(), id, ['true'], OPTIONS, patient());
    expect(await rejectionKind(processes().start(sandbox(), id, ['true'], OPTIONS, patient()))).toBe('invalid');
  });

  it('are no longer followed once the reader gives up, and go on', async () => {
    const id = randomUUID();
    await processes().start(sandbox(), id, ['sh', '-c', 'echo up; sleep 60'], OPTIONS, patient());
    const reader = new AbortController();
    const seen: OutputEvent[] = [];
    for await (const event of processes().follow(sandbox(), id, START, reader.signal)) {
      seen.push(event);
      reader.abort();
    }
    expect(seen).toHaveLength(1);
    expect(await processes().status(sandbox(), id, patient())).toMatchObject({ returncode: null, stdoutBytes: 3 });
    await processes().signal(sandbox(), id, 'SIGKILL', patient());
  });

  it('are gone with their sandbox', async () => {
    const { provider, image } = subject();
    const handle = await provider.create(sandboxSpec(image), patient());
    await processes().start(handle, 'one', ['sleep', '60'], OPTIONS, patient());
    const reading = rejectionKind(all(processes().follow(handle, 'one', START, patient())));
    await run(provider, handle, ['true']);
    await provider.terminate(handle, patient());
    expect(await reading).toBe('gone');
    expect(await rejectionKind(processes().status(handle, 'one', patient()))).toBe('gone');
  });
}
